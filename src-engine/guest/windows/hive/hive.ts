/**
 * A bounded reader of registry hives ("regf"), after the description by Maxim Suhanov, "Windows registry file format
 * specification": base block, key nodes, subkey lists, key values. Transaction logs are not applied.
 */
import { checkRange, checkSpan } from '../../../core/bounds.ts';
import { EngineError } from '../../../core/engine-error.ts';
import { struct, text, u32le } from '../../../core/struct.ts';
import type { FileContent } from '../../../filesystems/file-tree.port.ts';
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

const BASE_BYTES = 4096;
const MAX_HIVE_BYTES = 1024 * 1024 * 1024;
const MAX_CELL_BYTES = 1024 * 1024;
const MAX_SUBKEYS = 50_000;
/** Cells that one hive may be asked for, whatever it claims. */
const MAX_CELLS_READ = 50_000;
const PAGE_BYTES = 64 * 1024;
const MAX_PAGES = 64;

const base = struct(48, { signature: text(0, 4), rootCell: u32le(36), binsBytes: u32le(40) });
const REG_SZ = 1;
const REG_EXPAND_SZ = 2;
const REG_DWORD = 4;

type Key = ReturnType<typeof keyNode.read>;

export class Hive {
  readonly #content: FileContent;
  readonly #binsBytes: number;
  readonly #root: number;
  readonly #pages = new Map<number, Buffer>();
  #cellsRead = 0;

  private constructor(content: FileContent, binsBytes: number, root: number) {
    this.#content = content;
    this.#binsBytes = binsBytes;
    this.#root = root;
  }

  /** @throws EngineError `FORMAT_INVALID`, `READ_FAILED` */
  static async open(content: FileContent): Promise<Hive> {
    checkRange('hive length', content.lengthBytes, BASE_BYTES, MAX_HIVE_BYTES);
    const bytes = Buffer.alloc(base.size);
    await content.readInto(0, bytes);
    const { signature, rootCell, binsBytes } = base.read(bytes);
    if (signature !== 'regf') throw invalid('hive signature', signature);
    checkRange('hive bins', binsBytes, 0, content.lengthBytes - BASE_BYTES);
    return new Hive(content, binsBytes, rootCell);
  }

  /** The names of the subkeys of a key; null where there is no such key. @throws EngineError `FORMAT_INVALID`, `READ_FAILED` */
  async subkeys(path: string): Promise<string[] | null> {
    const key = await this.#key(path);
    if (!key) return null;
    const names: string[] = [];
    for (const offset of await this.#subkeyOffsets(key)) names.push((await this.#readKey(offset)).name);
    return names;
  }

  /**
   * A text or a number (REG_SZ, REG_EXPAND_SZ, REG_DWORD); names are compared without regard to case.
   * @returns null where there is no such key or value, or one of another type
   * @throws EngineError `FORMAT_INVALID`, `READ_FAILED`
   */
  async value(path: string, name: string): Promise<string | number | null> {
    const key = await this.#key(path);
    if (!key || key.valueCount === 0) return null;
    checkRange('values of a key', key.valueCount, 0, MAX_VALUES);
    const list = await this.#cell(key.valueList);
    checkSpan('value list', 0, key.valueCount * 4, list.length);
    for (let i = 0; i < key.valueCount; i++) {
      const cell = await this.#cell(list.readUInt32LE(i * 4));
      const value = keyValue.read(cell);
      if (value.signature !== 'vk') throw invalid('value signature', value.signature);
      const isLatin1 = (value.flags & VALUE_NAME_IS_LATIN1) !== 0;
      const found = nameIn('value name', cell, keyValue.size, value.nameBytes, isLatin1);
      if (found.toLowerCase() === name.toLowerCase()) return this.#data(value);
    }
    return null;
  }

  async #data(value: ReturnType<typeof keyValue.read>): Promise<string | number | null> {
    const isInline = value.dataBytes >= IS_INLINE;
    const lengthBytes = isInline ? value.dataBytes - IS_INLINE : value.dataBytes;
    checkRange('value length', lengthBytes, 0, isInline ? 4 : MAX_VALUE_BYTES);
    let bytes = Buffer.alloc(4);
    if (isInline) bytes.writeUInt32LE(value.dataCell);
    else if (lengthBytes > 0) bytes = Buffer.from(await this.#cell(value.dataCell));
    checkSpan('value', 0, lengthBytes, bytes.length);
    bytes = bytes.subarray(0, lengthBytes);
    if (value.type === REG_DWORD) return bytes.length === 4 ? bytes.readUInt32LE() : null;
    if (value.type !== REG_SZ && value.type !== REG_EXPAND_SZ) return null;
    return bytes.toString('utf16le').replace(/\0[^]*$/, '');
  }

  async #key(path: string): Promise<Key | null> {
    let { key } = await this.#readKey(this.#root);
    for (const name of path.split('\\').filter(Boolean)) {
      let next: Key | null = null;
      for (const offset of await this.#subkeyOffsets(key)) {
        const child = await this.#readKey(offset);
        if (child.name.toLowerCase() !== name.toLowerCase()) continue;
        next = child.key;
        break;
      }
      if (!next) return null;
      key = next;
    }
    return key;
  }

  async #readKey(offset: number): Promise<{ key: Key; name: string }> {
    const cell = await this.#cell(offset);
    const key = keyNode.read(cell);
    if (key.signature !== 'nk') throw invalid('key signature', key.signature);
    const isLatin1 = (key.flags & KEY_NAME_IS_LATIN1) !== 0;
    return { key, name: nameIn('key name', cell, keyNode.size, key.nameBytes, isLatin1) };
  }

  async #subkeyOffsets(key: Key): Promise<number[]> {
    if (key.subkeyCount === 0 || key.subkeyList === NO_CELL) return [];
    checkRange('subkeys of a key', key.subkeyCount, 0, MAX_SUBKEYS);
    return this.#listed(key.subkeyList, true);
  }

  /** @param mayNest an index root ("ri") lists other lists, which list keys only */
  async #listed(offset: number, mayNest: boolean): Promise<number[]> {
    const cell = await this.#cell(offset);
    checkRange('subkey list', cell.length, 4, MAX_CELL_BYTES);
    const signature = cell.toString('latin1', 0, 2);
    const entryBytes = { lf: 8, lh: 8, li: 4, ri: 4 }[signature];
    if (!entryBytes) throw invalid('subkey list signature', signature);
    const count = cell.readUInt16LE(2);
    checkSpan('subkey list', 4, count * entryBytes, cell.length);
    const offsets = Array.from({ length: count }, (_, i) => cell.readUInt32LE(4 + i * entryBytes));
    if (signature !== 'ri') return offsets;
    if (!mayNest) throw invalid('subkey list signature', signature);
    const all: number[] = [];
    for (const list of offsets) {
      all.push(...(await this.#listed(list, false)));
      checkRange('subkeys of a key', all.length, 0, MAX_SUBKEYS);
    }
    return all;
  }

  /** The content of a cell that is in use, without its size. */
  async #cell(offset: number): Promise<Buffer> {
    checkRange('cells', ++this.#cellsRead, 0, MAX_CELLS_READ);
    checkRange('cell offset', offset, 0, this.#binsBytes - 4);
    const size = -(await this.#bytes(offset, 4)).readInt32LE();
    checkRange('cell size', size, 8, Math.min(MAX_CELL_BYTES, this.#binsBytes - offset));
    return this.#bytes(offset + 4, size - 4);
  }

  async #bytes(offset: number, lengthBytes: number): Promise<Buffer> {
    const into = Buffer.alloc(lengthBytes);
    for (let done = 0; done < lengthBytes;) {
      const at = offset + done;
      const page = await this.#page(Math.floor(at / PAGE_BYTES));
      done += page.copy(into, done, at % PAGE_BYTES);
    }
    return into;
  }

  async #page(index: number): Promise<Buffer> {
    const kept = this.#pages.get(index);
    if (kept) return kept;
    const startBytes = index * PAGE_BYTES;
    const page = Buffer.alloc(Math.min(PAGE_BYTES, this.#binsBytes - startBytes));
    await this.#content.readInto(BASE_BYTES + startBytes, page);
    if (this.#pages.size >= MAX_PAGES) this.#pages.clear();
    this.#pages.set(index, page);
    return page;
  }
}

function invalid(field: string, value: string): EngineError {
  return new EngineError('FORMAT_INVALID', { field, value });
}
