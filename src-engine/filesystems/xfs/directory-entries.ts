/** Entries of directories, in the inode and in blocks: "XFS Algorithms & Data Structures", "Directories". */
import type { FileKind } from '../../contract/files.contract.ts';
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import { checkBlock } from './checksum.ts';
import type { XfsInode } from './inode.ts';
import type { XfsSuperblock } from './superblock.ts';

/** The bytes of a name, and the number of the inode that it names. */
export interface RawEntry {
  readonly name: Buffer;
  readonly inode: number;
  /** what the folder says that it is; null where folders say nothing */
  readonly kind: FileKind | null;
}

/** Types of entries (XFS_DIR3_FT_*). */
const KINDS: Partial<Record<number, FileKind>> = {
  1: 'file',
  2: 'folder',
  3: 'character-device',
  4: 'block-device',
  5: 'fifo',
  6: 'socket',
  7: 'link',
};

/** Magic numbers in versions 4 and 5: of the only block of a directory, which holds its index too, and of one among more. */
const SINGLE_BLOCK = [0x58443242, 0x58444233];
const DATA_BLOCK = [0x58443244, 0x58444433];
const PLACES = { crcAt: 4, addressAt: 8, uuidAt: 24, ownerAt: 40 };

/** At the end of a single block: how many entries its index has, of eight bytes each, before this. */
const TAIL_BYTES = 8;
const INDEX_ENTRY_BYTES = 8;

/** Everything in a block begins at a multiple of this, and its last two bytes say where it begins. */
const ALIGNMENT = 8;
const UNUSED_TAG = 0xffff;

/** Entries in the inode itself. @throws EngineError `FORMAT_INVALID` */
export function shortEntries(sb: XfsSuperblock, { data, lengthBytes }: XfsInode): RawEntry[] {
  const bytes = data.bytes.subarray(0, checkRange('di_size', lengthBytes, 6, data.bytes.length));
  const count = bytes[0];
  const inodeBytes = bytes[1] > 0 ? 8 : 4;
  const typeBytes = sb.features.hasFileTypes ? 1 : 0;
  const entries: RawEntry[] = [];
  for (let at = 2 + inodeBytes; entries.length < count;) {
    checkRange('short directory', at, 0, bytes.length - 3);
    const nameBytes = checkRange('namelen', bytes[at], 1, bytes.length - at - 3 - typeBytes - inodeBytes);
    const name = bytes.subarray(at + 3, at + 3 + nameBytes);
    const inodeAt = at + 3 + nameBytes + typeBytes;
    const kind = kindAt(sb, bytes, at + 3 + nameBytes);
    entries.push({ name, kind, inode: inodeNumber(bytes, inodeAt, inodeBytes) });
    at = inodeAt + inodeBytes;
  }
  return entries;
}

function kindAt(sb: XfsSuperblock, bytes: Buffer, at: number): FileKind | null {
  return (sb.features.hasFileTypes && KINDS[bytes[at]]) || null;
}

/** Numbers that are too large for one are outside the file system, and are refused as such when they are looked for. */
function inodeNumber(bytes: Buffer, at: number, inodeBytes: number): number {
  return inodeBytes === 8 ? Number(bytes.readBigUInt64BE(at)) : bytes.readUInt32BE(at);
}

/** A block of entries that is what it should be. */
export interface DirectoryBlock {
  readonly bytes: Buffer;
  /** where the entries begin and end */
  readonly start: number;
  readonly end: number;
}

/** @throws EngineError `FORMAT_INVALID` where the block is none of a directory, or of another one */
export function openBlock(sb: XfsSuperblock, bytes: Buffer, offsetBytes: number, owner: number): DirectoryBlock {
  const version = sb.features.hasChecksums ? 1 : 0;
  const magic = bytes.readUInt32BE(0);
  const isSingle = magic === SINGLE_BLOCK[version];
  if (!isSingle && magic !== DATA_BLOCK[version]) {
    throw new EngineError('FORMAT_INVALID', { field: 'directory block: magic', value: magic.toString(16) });
  }
  checkBlock(sb, bytes, 'directory block', PLACES, offsetBytes, owner);
  const start = sb.features.hasChecksums ? 64 : 16;
  if (!isSingle) return { bytes, start, end: bytes.length };
  const room = bytes.length - start - TAIL_BYTES;
  const count = bytes.readUInt32BE(bytes.length - TAIL_BYTES);
  checkRange('directory block: count', count, 0, Math.floor(room / INDEX_ENTRY_BYTES));
  return { bytes, start, end: bytes.length - TAIL_BYTES - count * INDEX_ENTRY_BYTES };
}

/** @throws EngineError `FORMAT_INVALID` */
export function blockEntries(sb: XfsSuperblock, block: DirectoryBlock): RawEntry[] {
  const entries: RawEntry[] = [];
  for (let at = block.start; at < block.end;) {
    checkRange('directory block: entry', at, 0, block.end - ALIGNMENT);
    if (block.bytes.readUInt16BE(at) === UNUSED_TAG) {
      at += unusedBytes(block, at);
    } else {
      const entry = entryAt(sb, block, at);
      entries.push(entry);
      at += entryBytes(sb, entry.name.length);
    }
  }
  return entries;
}

function unusedBytes({ bytes, end }: DirectoryBlock, at: number): number {
  const length = checkRange('directory block: unused', bytes.readUInt16BE(at + 2), ALIGNMENT, end - at);
  checkRange('directory block: unused', length % ALIGNMENT, 0, 0);
  return length;
}

/** Inode number, length of the name, name, type, padding, tag. */
function entryBytes(sb: XfsSuperblock, nameBytes: number): number {
  const unpadded = 8 + 1 + nameBytes + (sb.features.hasFileTypes ? 1 : 0) + 2;
  return Math.ceil(unpadded / ALIGNMENT) * ALIGNMENT;
}

/** @param at where an entry should begin @throws EngineError `FORMAT_INVALID` where none does */
export function entryAt(sb: XfsSuperblock, { bytes, start, end }: DirectoryBlock, at: number): RawEntry {
  checkRange('directory block: entry', at, start, end - 2 * ALIGNMENT);
  const nameBytes = checkRange('namelen', bytes[at + 8], 1, 255);
  const entryEnd = at + entryBytes(sb, nameBytes);
  checkRange('namelen', entryEnd, at, end);
  checkRange('directory block: tag', bytes.readUInt16BE(entryEnd - 2), at, at);
  const name = bytes.subarray(at + 9, at + 9 + nameBytes);
  return { name, kind: kindAt(sb, bytes, at + 9 + nameBytes), inode: inodeNumber(bytes, at, 8) };
}
