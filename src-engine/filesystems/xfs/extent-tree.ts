/** Blocks of a tree of extents (bmbt): "XFS Algorithms & Data Structures", "B+tree Extent List". */
import { checkRange } from '../../core/bounds.ts';
import { readBytes } from '../../disk/read.ts';
import { blockOffset, type XfsVolume } from './addresses.ts';
import { checkBlock } from './checksum.ts';
import type { Fork, XfsInode } from './inode.ts';

const MAGIC_V4 = 0x424d4150;
const MAGIC_V5 = 0x424d4133;
const PLACES = { addressAt: 24, uuidAt: 40, ownerAt: 56, crcAt: 64 };

const ROOT_HEADER_BYTES = 4;
const KEY_BYTES = 8;
const POINTER_BYTES = 8;
const RECORD_BYTES = 16;

/** Enough for the most extents that blocks of any size can hold. */
const MAX_LEVEL = 12;

export interface TreeNode {
  /** 0: a leaf */
  readonly level: number;
  readonly count: number;
  /** where the block begins in the volume; 0 for the root, which is in the inode */
  readonly startBytes: number;
  /** records of a leaf; keys of an inner node */
  readonly entries: Buffer;
  /** addresses of the children of an inner node */
  readonly pointers: Buffer;
}

/** The root, which is never a leaf. @throws EngineError `FORMAT_INVALID` */
export function rootOf({ bytes }: Fork): TreeNode {
  checkRange('fork of a tree', bytes.length, ROOT_HEADER_BYTES + KEY_BYTES + POINTER_BYTES, bytes.length);
  const level = checkRange('bb_level', bytes.readUInt16BE(0), 1, MAX_LEVEL);
  return { level, startBytes: 0, ...inner(bytes, ROOT_HEADER_BYTES, bytes.readUInt16BE(2)) };
}

/** @param level that the block must have @throws EngineError `FORMAT_INVALID` */
export async function readNode(volume: XfsVolume, inode: XfsInode, address: number, level: number): Promise<TreeNode> {
  const { sb, view } = volume;
  const startBytes = blockOffset(sb, 'bmbt block', address, 1);
  const bytes = await readBytes(view, startBytes, sb.blockBytes);
  const magic = sb.features.hasChecksums ? MAGIC_V5 : MAGIC_V4;
  checkRange('bb_magic', bytes.readUInt32BE(0), magic, magic);
  checkBlock(sb, bytes, 'bmbt', PLACES, startBytes, inode.number);
  checkRange('bb_level', bytes.readUInt16BE(4), level, level);
  const headerBytes = sb.features.hasChecksums ? 72 : 24;
  const count = bytes.readUInt16BE(6);
  if (level > 0) return { level, startBytes, ...inner(bytes, headerBytes, count) };
  checkRange('bb_numrecs', count, 1, Math.floor((bytes.length - headerBytes) / RECORD_BYTES));
  const entries = bytes.subarray(headerBytes, headerBytes + count * RECORD_BYTES);
  return { level, count, startBytes, entries, pointers: bytes.subarray(0, 0) };
}

/** Keys come first, with room for as many as fit; pointers after them. */
function inner(bytes: Buffer, headerBytes: number, count: number) {
  const capacity = Math.floor((bytes.length - headerBytes) / (KEY_BYTES + POINTER_BYTES));
  checkRange('bb_numrecs', count, 1, capacity);
  const keysEnd = headerBytes + capacity * KEY_BYTES;
  return { count, entries: bytes.subarray(headerBytes, keysEnd), pointers: bytes.subarray(keysEnd) };
}

/** First block of the file below child `i` of an inner node. */
export function keyAt({ entries }: TreeNode, i: number): number {
  return Number(entries.readBigUInt64BE(i * KEY_BYTES));
}

export function childAt({ pointers }: TreeNode, i: number): number {
  return Number(pointers.readBigUInt64BE(i * POINTER_BYTES));
}
