/** Where the blocks of an inode lie: Linux, Documentation/filesystems/ext4/inodes.rst and ifork.rst. */
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import { struct, u16le, u32le } from '../../core/struct.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import { readBlocks } from './blocks.ts';
import { descriptorOf } from './descriptors.ts';
import type { ExtSuperblock } from './superblock.ts';

const inodeLayout = struct(128, { size_lo: u32le(0x04), flags: u32le(0x20), size_high: u32le(0x6c) });
const extentHeader = struct(12, { magic: u16le(0), entries: u16le(2), depth: u16le(6) });
const extentLeaf = struct(12, { block: u32le(0), len: u16le(4), start_hi: u16le(6), start_lo: u32le(8) });
const extentIndex = struct(12, { block: u32le(0), leaf_lo: u32le(4), leaf_hi: u16le(8) });

const USES_EXTENTS = 0x80000;
const EXTENT_MAGIC = 0xf30a;
const EXTENT_DEPTH_MAX = 5;
/** Lengths above it are extents that were allocated, not written. */
const EXTENT_WRITTEN_MAX = 32_768;
const I_BLOCK_AT = 0x28;
const DIRECT_BLOCKS = 12;

/**
 * @param table the group descriptors
 * @param maxBlocks the most blocks that the inode may have
 * @returns for each block of the inode its block in the file system; 0 for a hole
 * @throws EngineError `FORMAT_INVALID` where the inode is larger, or its map leaves the file system or cannot be
 */
export async function blocksOfInode(
  volume: BlockSource,
  sb: ExtSuperblock,
  table: Buffer,
  inode: number,
  maxBlocks: number,
): Promise<Float64Array> {
  const index = checkRange('inode', inode, 1, sb.inodesPerGroup * sb.groupCount) - 1;
  const group = Math.floor(index / sb.inodesPerGroup);
  const tableBytes = descriptorOf(sb, table, group).inodeTable * sb.blockBytes;
  const bytes = await readBytes(volume, tableBytes + (index % sb.inodesPerGroup) * sb.inodeBytes, 128);
  const { size_lo, size_high, flags } = inodeLayout.read(bytes);
  const count = Math.ceil((size_lo + size_high * 2 ** 32) / sb.blockBytes);
  const map = new Float64Array(checkRange('i_size', count, 0, maxBlocks));
  const iBlock = bytes.subarray(I_BLOCK_AT, I_BLOCK_AT + 60);
  if (flags & USES_EXTENTS) await followExtents(volume, sb, iBlock, map, EXTENT_DEPTH_MAX);
  else await followPointers(volume, sb, iBlock, map);
  return map;
}

const inside = (sb: ExtSuperblock, block: number, count = 1) =>
  checkRange('block of an inode', block, sb.firstDataBlock, sb.blockCount - count);

/** A node's children must fill the map in ascending order, so that a tree that goes in circles ends. */
async function followExtents(
  volume: BlockSource,
  sb: ExtSuperblock,
  node: Buffer,
  map: Float64Array,
  depthMax: number,
  filledTo = 0,
): Promise<number> {
  const header = extentHeader.read(node);
  checkRange('eh_magic', header.magic, EXTENT_MAGIC, EXTENT_MAGIC);
  checkRange('eh_depth', header.depth, 0, depthMax);
  checkRange('eh_entries', header.entries, 0, Math.floor(node.length / 12) - 1);
  let filled = filledTo;
  for (let entry = 1; entry <= header.entries; entry++) {
    if (header.depth > 0) {
      const { leaf_lo, leaf_hi } = extentIndex.read(node, entry * 12);
      const child = await readBlocks(volume, sb.blockBytes, [inside(sb, leaf_lo + leaf_hi * 2 ** 32)]);
      const before = filled;
      filled = await followExtents(volume, sb, child, map, header.depth - 1, filled);
      if (filled === before) throw new EngineError('FORMAT_INVALID', { field: 'eh_entries', value: '0' });
      continue;
    }
    const { block, len, start_hi, start_lo } = extentLeaf.read(node, entry * 12);
    const length = checkRange(
      'ee_len',
      len > EXTENT_WRITTEN_MAX ? len - EXTENT_WRITTEN_MAX : len,
      1,
      EXTENT_WRITTEN_MAX,
    );
    const start = inside(sb, start_lo + start_hi * 2 ** 32, length);
    checkRange('ee_block', block, filled, map.length - 1);
    // What lies behind the size belongs to the inode, but is not read.
    for (let i = 0; i < length && block + i < map.length; i++) map[block + i] = start + i;
    filled = block + length;
  }
  return filled;
}

/** Twelve direct pointers, then one block of pointers, one of blocks of pointers, and one a level deeper. */
async function followPointers(
  volume: BlockSource,
  sb: ExtSuperblock,
  iBlock: Buffer,
  map: Float64Array,
): Promise<void> {
  let filled = 0;
  const perBlock = sb.blockBytes / 4;
  const follow = async (pointer: number, level: number): Promise<void> => {
    if (filled >= map.length) return;
    if (pointer !== 0) inside(sb, pointer);
    if (level === 0) {
      map[filled++] = pointer;
    } else if (pointer === 0) {
      filled += perBlock ** level;
    } else {
      const block = await readBlocks(volume, sb.blockBytes, [pointer]);
      for (let i = 0; i < perBlock && filled < map.length; i++) await follow(block.readUInt32LE(i * 4), level - 1);
    }
  };
  for (let i = 0; i < DIRECT_BLOCKS; i++) await follow(iBlock.readUInt32LE(i * 4), 0);
  for (let level = 1; level <= 3; level++) await follow(iBlock.readUInt32LE((DIRECT_BLOCKS + level - 1) * 4), level);
}
