/** Adds keys and values to a registry hive. What is not named stays as it is, byte for byte. */
import { checkRange, checkSpan } from '../../../core/bounds.ts';
import { EngineError } from '../../../core/engine-error.ts';
import { struct, text, u32le } from '../../../core/struct.ts';
import type { FileContent } from '../../../filesystems/file-tree.port.ts';
import { fileTime, HiveBins } from './hive-bins.ts';
import type { HiveValue } from './hive-values.ts';
import {
  IS_INLINE,
  KEY_NAME_IS_LATIN1,
  keyNode,
  keyValue,
  MAX_VALUE_BYTES,
  MAX_VALUES,
  nameIn,
  NO_CELL,
  VALUE_NAME_IS_LATIN1,
} from './key-cells.ts';
import { compareNames, listedSubkeys, withSubkey } from './subkey-lists.ts';

const INLINE_BYTES = 4;

const keySecurity = struct(20, { signature: text(0, 2), referenceCount: u32le(12) });

export class HiveEdit {
  readonly #bins: HiveBins;
  readonly #nowMs: number;

  private constructor(bins: HiveBins, nowMs: number) {
    this.#bins = bins;
    this.#nowMs = nowMs;
  }

  /**
   * @param nowMs milliseconds since 1970: when the keys are written
   * @returns null for a hive that was not closed, as {@link HiveBins.open}
   * @throws EngineError `FORMAT_INVALID`, `READ_FAILED`
   */
  static async open(content: FileContent, nowMs: number): Promise<HiveEdit | null> {
    const bins = await HiveBins.open(content);
    return bins && new HiveEdit(bins, nowMs);
  }

  /** @param path names of keys from the root down @throws EngineError `FORMAT_INVALID` */
  has(path: readonly string[]): boolean {
    return this.#find(path) !== null;
  }

  /** A value as text, whatever its type; null where there is none. @throws EngineError `FORMAT_INVALID`, also for a very long one */
  text(path: readonly string[], name: string): string | null {
    const key = this.#find(path);
    const cell = key === null ? null : this.#valueCell(key, name);
    if (cell === null) return null;
    const { dataBytes, dataCell } = keyValue.read(this.#bins.cell(cell));
    if (dataBytes >= IS_INLINE || dataBytes === 0) return '';
    checkRange('value length', dataBytes, 0, MAX_VALUE_BYTES);
    const data = this.#bins.cell(dataCell);
    checkSpan('value', 0, dataBytes, data.length);
    return data.toString('utf16le', 0, dataBytes).replace(/\0[^]*$/, '');
  }

  /** A value of four bytes as a number; null where there is none. @throws EngineError `FORMAT_INVALID` */
  number(path: readonly string[], name: string): number | null {
    const key = this.#find(path);
    const cell = key === null ? null : this.#valueCell(key, name);
    if (cell === null) return null;
    const { dataBytes, dataCell } = keyValue.read(this.#bins.cell(cell));
    return dataBytes === IS_INLINE + INLINE_BYTES ? dataCell : null;
  }

  /** Sets values of a key, which is made where it is missing, with those above it. @throws EngineError `FORMAT_INVALID` */
  set(path: readonly string[], values: readonly HiveValue[]): void {
    let key = this.#bins.rootCell;
    for (const name of path) key = this.#subkey(key, name) ?? this.#addSubkey(key, name);
    for (const value of values) this.#setValue(key, value);
  }

  /** The hive as a file that Windows finds closed. */
  toBytes(): Buffer {
    return this.#bins.toBytes(this.#nowMs);
  }

  #find(path: readonly string[]): number | null {
    let key: number | null = this.#bins.rootCell;
    for (const name of path) key = key === null ? null : this.#subkey(key, name);
    return key;
  }

  #key(cell: number) {
    const key = keyNode.read(this.#bins.cell(cell));
    if (key.signature !== 'nk') throw invalid('key signature', key.signature);
    return key;
  }

  #nameOf(cell: number): string {
    const { nameBytes, flags } = this.#key(cell);
    return nameIn('name', this.#bins.cell(cell), keyNode.size, nameBytes, (flags & KEY_NAME_IS_LATIN1) !== 0);
  }

  #subkey(key: number, name: string): number | null {
    const { subkeyCount, subkeyList } = this.#key(key);
    if (subkeyCount === 0 || subkeyList === NO_CELL) return null;
    return listedSubkeys(this.#bins, subkeyList).find((cell) => compareNames(this.#nameOf(cell), name) === 0) ?? null;
  }

  /** It belongs to whom the key above belongs to, and who may what is the same. */
  #addSubkey(parent: number, name: string): number {
    const above = this.#key(parent);
    const offset = this.#bins.allocate(keyNode.size + name.length);
    const cell = this.#bins.cell(offset);
    cell.write('nk', 0, 'latin1');
    keyNode.write(cell, {
      flags: KEY_NAME_IS_LATIN1,
      writtenAt: fileTime(this.#nowMs),
      parent,
      subkeyList: NO_CELL,
      volatileList: NO_CELL,
      valueList: NO_CELL,
      security: above.security,
      className: NO_CELL,
      nameBytes: name.length,
    });
    cell.write(name, keyNode.size, 'latin1');
    this.#shareSecurity(above.security);
    const list = above.subkeyCount > 0 ? above.subkeyList : null;
    const count = list === null ? 0 : listedSubkeys(this.#bins, list).length;
    checkRange('subkeys of a key', above.subkeyCount, count, count);
    const subkeyList = withSubkey(this.#bins, list, { cell: offset, name }, (one) => this.#nameOf(one));
    keyNode.write(this.#bins.cell(parent), {
      writtenAt: fileTime(this.#nowMs),
      subkeyCount: count + 1,
      subkeyList,
      longestSubkeyName: Math.max(above.longestSubkeyName, name.length * 2),
    });
    return offset;
  }

  #shareSecurity(offset: number): void {
    const cell = this.#bins.cell(offset);
    const { signature, referenceCount } = keySecurity.read(cell);
    if (signature !== 'sk') throw invalid('security signature', signature);
    checkRange('references to a security', referenceCount, 1, NO_CELL - 1);
    keySecurity.write(cell, { referenceCount: referenceCount + 1 });
  }

  #setValue(key: number, value: HiveValue): void {
    const cell = this.#valueCell(key, value.name) ?? this.#addValue(key, value.name);
    this.#setData(cell, value);
    const { longestValueName, longestValue } = this.#key(key);
    keyNode.write(this.#bins.cell(key), {
      writtenAt: fileTime(this.#nowMs),
      longestValueName: Math.max(longestValueName, value.name.length * 2),
      longestValue: Math.max(longestValue, value.bytes.length),
    });
  }

  #valueCells(key: number): number[] {
    const { valueCount, valueList } = this.#key(key);
    if (valueCount === 0 || valueList === NO_CELL) return [];
    checkRange('values of a key', valueCount, 0, MAX_VALUES);
    const list = this.#bins.cell(valueList);
    checkSpan('value list', 0, valueCount * 4, list.length);
    return Array.from({ length: valueCount }, (_, i) => list.readUInt32LE(i * 4));
  }

  #valueCell(key: number, name: string): number | null {
    const isIt = (offset: number) => {
      const cell = this.#bins.cell(offset);
      const { signature, nameBytes, flags } = keyValue.read(cell);
      if (signature !== 'vk') throw invalid('value signature', signature);
      return (
        compareNames(nameIn('name', cell, keyValue.size, nameBytes, (flags & VALUE_NAME_IS_LATIN1) !== 0), name) === 0
      );
    };
    return this.#valueCells(key).find(isIt) ?? null;
  }

  /** It has nothing in it yet. */
  #addValue(key: number, name: string): number {
    const offset = this.#bins.allocate(keyValue.size + name.length);
    const cell = this.#bins.cell(offset);
    cell.write('vk', 0, 'latin1');
    const flags = name === '' ? 0 : VALUE_NAME_IS_LATIN1;
    keyValue.write(cell, { nameBytes: name.length, dataBytes: IS_INLINE, flags });
    cell.write(name, keyValue.size, 'latin1');
    const cells = [...this.#valueCells(key), offset];
    const list = this.#bins.allocate(cells.length * 4);
    for (const [i, one] of cells.entries()) this.#bins.cell(list).writeUInt32LE(one, i * 4);
    const { valueCount, valueList } = this.#key(key);
    if (valueCount > 0 && valueList !== NO_CELL) this.#bins.free(valueList);
    keyNode.write(this.#bins.cell(key), { valueCount: cells.length, valueList: list });
    return offset;
  }

  #setData(offset: number, { type, bytes }: HiveValue): void {
    checkRange('value length', bytes.length, 0, MAX_VALUE_BYTES);
    const before = keyValue.read(this.#bins.cell(offset));
    // of one that lies in several cells, they stay where they are, and are nobody's
    if (before.dataBytes > 0 && before.dataBytes <= MAX_VALUE_BYTES) this.#bins.free(before.dataCell);
    if (bytes.length <= INLINE_BYTES) {
      const inside = Buffer.alloc(INLINE_BYTES);
      bytes.copy(inside);
      const dataBytes = IS_INLINE + bytes.length;
      return keyValue.write(this.#bins.cell(offset), { dataBytes, dataCell: inside.readUInt32LE(), type });
    }
    const dataCell = this.#bins.allocate(bytes.length);
    bytes.copy(this.#bins.cell(dataCell));
    keyValue.write(this.#bins.cell(offset), { dataBytes: bytes.length, dataCell, type });
  }
}

const invalid = (field: string, value: string) => new EngineError('FORMAT_INVALID', { field, value });
