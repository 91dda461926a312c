/**
 * Nodes of the index of a folder: Linux-NTFS, "NTFS Documentation", chapters "$INDEX_ROOT", "$INDEX_ALLOCATION", "Index
 * Record" and "$FILE_NAME".
 */
import { checkRange, checkSpan } from '../../core/bounds.ts';
import { struct, u16le, u32le, u64le, u8 } from '../../core/struct.ts';
import { applyFixups } from './fixups.ts';
import { fileReference, type FileReference } from './records.ts';

const rootLayout = struct(16, { type: u32le(0), collation: u32le(4), blockBytes: u32le(8) });
const blockLayout = struct(24, { vcn: u64le(16) });
/** Offsets count from the beginning of this header. */
const headerLayout = struct(16, { entriesOffset: u32le(0), lengthBytes: u32le(4) });
const entryLayout = struct(16, { reference: u64le(0), length: u16le(8), keyLength: u16le(10), flags: u16le(12) });
const keyLayout = struct(66, { attributes: u32le(56), nameLength: u8(64), nameType: u8(65) });

const IS_FOLDER = 0x10000000;
const DOS_NAME = 2;

const HAS_CHILD = 1;
const IS_END = 2;

const FILE_NAME = 0x30;
const COLLATION_FILE_NAME = 1;
const BLOCK_BYTES_MAX = 65_536;

export interface IndexKey {
  readonly name: string;
  readonly isDosName: boolean;
  readonly isFolder: boolean;
  readonly reference: FileReference;
}

export interface IndexEntry {
  /** null: the end of the node, which may have a child too */
  readonly key: IndexKey | null;
  /** where the node of the names in front of this one stands, in units of the index; null: nowhere */
  readonly childVcn: number | null;
}

export interface IndexRoot {
  readonly blockBytes: number;
  readonly entries: readonly IndexEntry[];
}

/** @throws EngineError `FORMAT_INVALID` */
export function parseIndexRoot(value: Buffer): IndexRoot {
  const root = rootLayout.read(value);
  checkRange('type of an index', root.type, FILE_NAME, FILE_NAME);
  checkRange('collation of an index', root.collation, COLLATION_FILE_NAME, COLLATION_FILE_NAME);
  checkRange('size of an index block', root.blockBytes, 512, BLOCK_BYTES_MAX);
  checkRange('size of an index block', root.blockBytes % 512, 0, 0);
  return { blockBytes: root.blockBytes, entries: parseNode(value.subarray(rootLayout.size)) };
}

/**
 * @param block as it lies on the disk; changed by this
 * @throws EngineError `FORMAT_INVALID` where it is damaged, or belongs elsewhere
 */
export function parseIndexBlock(block: Buffer, vcn: number): IndexEntry[] {
  applyFixups(block, 'INDX');
  checkRange('VCN of an index block', Number(blockLayout.read(block).vcn), vcn, vcn);
  return parseNode(block.subarray(blockLayout.size));
}

function parseNode(node: Buffer): IndexEntry[] {
  const header = headerLayout.read(node);
  checkRange('length of an index node', header.lengthBytes, headerLayout.size, node.length);
  const entries: IndexEntry[] = [];
  for (let at = header.entriesOffset; ;) {
    checkSpan('index entry', at, entryLayout.size, header.lengthBytes);
    const entry = entryLayout.read(node, at);
    checkRange('length of an index entry', entry.length, entryLayout.size, header.lengthBytes - at);
    checkRange('alignment of an index entry', entry.length % 8, 0, 0);
    entries.push(parseEntry(node.subarray(at, at + entry.length), entry));
    if (entry.flags & IS_END) return entries;
    at += entry.length;
  }
}

function parseEntry(bytes: Buffer, entry: ReturnType<typeof entryLayout.read>): IndexEntry {
  const hasChild = (entry.flags & HAS_CHILD) !== 0;
  const keyEnd = bytes.length - (hasChild ? 8 : 0);
  checkRange('length of an index entry', keyEnd, entryLayout.size, bytes.length);
  const childVcn = hasChild
    ? checkRange('child of an index entry', Number(bytes.readBigUInt64LE(keyEnd)), 0, Number.MAX_SAFE_INTEGER)
    : null;
  if (entry.flags & IS_END) return { key: null, childVcn };
  checkSpan('key of an index entry', entryLayout.size, entry.keyLength, keyEnd);
  const key = bytes.subarray(entryLayout.size, entryLayout.size + entry.keyLength);
  const { attributes, nameLength, nameType } = keyLayout.read(key);
  checkSpan('name in an index entry', keyLayout.size, 2 * nameLength, key.length);
  return {
    key: {
      name: key.toString('utf16le', keyLayout.size, keyLayout.size + 2 * nameLength),
      isDosName: nameType === DOS_NAME,
      isFolder: (attributes & IS_FOLDER) !== 0,
      reference: fileReference(entry.reference),
    },
    childVcn,
  };
}
