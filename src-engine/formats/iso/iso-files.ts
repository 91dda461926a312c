/**
 * The files of an ISO 9660 volume, by Joliet's names where it has those, else by its own. Rock Ridge and UDF say the same of the same bytes, and
 * are not needed. ECMA-119, sections 6.8 and 9.1; Joliet Specification, 1995.
 */
import { checkRange, checkSpan } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import { struct, u32le, u8 } from '../../core/struct.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import { SECTOR_BYTES, TYPE_PRIMARY, TYPE_SUPPLEMENTARY, volumeDescriptors } from './descriptors.ts';

const MAX_FOLDER_BYTES = 4 * 1024 * 1024;
const MAX_ENTRIES = 20_000;

const folderRecord = struct(33, {
  recordBytes: u8(0),
  /** an extended attribute record, in front of the content */
  attributeSectors: u8(1),
  sector: u32le(2),
  lengthBytes: u32le(10),
  flags: u8(25),
  unitSectors: u8(26),
  nameBytes: u8(32),
});
const IS_FOLDER = 0x02;
const IS_ASSOCIATED = 0x04;
const HAS_MORE_PIECES = 0x80;
/** Level 1, 2 and 3 of UCS-2. */
const JOLIET = ['%/@', '%/C', '%/E'];

export interface IsoEntry {
  /** as the volume has it, without the number of its version; untrusted */
  readonly name: string;
  readonly isFolder: boolean;
  readonly startBytes: number;
  readonly lengthBytes: number;
  /** null: it lies in one piece; else what it would take to read it */
  readonly unread: string | null;
}

export class IsoFiles {
  readonly #file: BlockSource;
  readonly #isJoliet: boolean;
  readonly root: IsoEntry;

  private constructor(file: BlockSource, isJoliet: boolean, root: Buffer) {
    this.#file = file;
    this.#isJoliet = isJoliet;
    this.root = this.#entryOf(root);
  }

  /** @returns null where it is no ISO 9660 volume @throws EngineError `FORMAT_UNSUPPORTED`, `FORMAT_INVALID`, `READ_FAILED` */
  static async open(file: BlockSource): Promise<IsoFiles | null> {
    const descriptors = await volumeDescriptors(file);
    const primary = descriptors.find(({ type }) => type === TYPE_PRIMARY);
    if (!primary) return null;
    const isJoliet = (escapes: Buffer) => JOLIET.includes(escapes.toString('latin1', 0, 3));
    const joliet = descriptors.find(({ type, escapes }) => type === TYPE_SUPPLEMENTARY && isJoliet(escapes));
    const { blockBytes, root } = joliet ?? primary;
    if (blockBytes !== SECTOR_BYTES)
      throw new EngineError('FORMAT_UNSUPPORTED', { feature: `ISO 9660 in blocks of ${blockBytes} bytes` });
    return new IsoFiles(file, joliet !== undefined, root);
  }

  /** What is in a folder. @throws EngineError `FORMAT_INVALID`, `FORMAT_UNSUPPORTED`, `READ_FAILED` */
  async list(folder: IsoEntry): Promise<IsoEntry[]> {
    if (!folder.isFolder) return [];
    const bytes = await this.read(folder, MAX_FOLDER_BYTES);
    const entries: IsoEntry[] = [];
    for (let at = 0; at < bytes.length;) {
      const recordBytes = bytes[at];
      if (recordBytes === 0) {
        // a record lies in one sector: the rest of it is empty
        at = (Math.floor(at / SECTOR_BYTES) + 1) * SECTOR_BYTES;
        continue;
      }
      checkSpan('folder record', at, recordBytes, bytes.length);
      const record = bytes.subarray(at, at + recordBytes);
      const { flags } = folderRecord.read(record);
      const entry = this.#entryOf(record);
      if (entry.name !== '' && !(flags & IS_ASSOCIATED)) entries.push(entry);
      checkRange('entries of a folder', entries.length, 0, MAX_ENTRIES);
      at += recordBytes;
    }
    return entries;
  }

  /** All of a file or a folder. @throws EngineError `FORMAT_INVALID` where it is longer than `maxBytes`, `FORMAT_UNSUPPORTED`, `READ_FAILED` */
  async read({ startBytes, lengthBytes, unread }: IsoEntry, maxBytes: number): Promise<Buffer> {
    if (unread !== null) throw new EngineError('FORMAT_UNSUPPORTED', { feature: unread });
    return readBytes(this.#file, startBytes, lengthBytes, maxBytes);
  }

  #entryOf(record: Buffer): IsoEntry {
    const { attributeSectors, sector, lengthBytes, flags, unitSectors, nameBytes } = folderRecord.read(record);
    checkSpan('name in a folder', folderRecord.size, nameBytes, record.length);
    const name = record.subarray(folderRecord.size, folderRecord.size + nameBytes);
    const isInPieces = (flags & HAS_MORE_PIECES) !== 0 || unitSectors !== 0;
    return {
      name: this.#nameOf(name),
      isFolder: (flags & IS_FOLDER) !== 0,
      startBytes: (sector + attributeSectors) * SECTOR_BYTES,
      lengthBytes,
      unread: isInPieces ? 'ISO 9660 files in several pieces' : null,
    };
  }

  /** The folder itself and the one above it have a byte for a name: '' here. */
  #nameOf(bytes: Buffer): string {
    if (bytes.length === 1 && bytes[0] <= 1) return '';
    const name = this.#isJoliet ? wide(bytes) : bytes.toString('latin1');
    return name.replace(/;\d*$/, '').replace(/\.$/, '');
  }
}

/** UCS-2, the high byte first. */
function wide(bytes: Buffer): string {
  return Buffer.from(bytes.subarray(0, bytes.length & ~1))
    .swap16()
    .toString('utf16le');
}
