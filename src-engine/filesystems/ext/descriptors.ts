/** Group descriptors: Linux, Documentation/filesystems/ext4/group_descr.rst. */
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import { struct, u16le, u32le } from '../../core/struct.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBlocks } from './blocks.ts';
import { descriptorChecksum, hasGroupChecksums } from './checksums.ts';
import { descriptorTable } from './groups.ts';
import type { ExtSuperblock } from './superblock.ts';

const low = struct(32, {
  block_bitmap: u32le(0x00),
  inode_bitmap: u32le(0x04),
  inode_table: u32le(0x08),
  free_blocks_count: u16le(0x0c),
  free_inodes_count: u16le(0x0e),
  flags: u16le(0x12),
  block_bitmap_csum: u16le(0x18),
  checksum: u16le(0x1e),
});

/** What descriptors of 64 bytes and more have behind it. */
const high = struct(32, {
  block_bitmap: u32le(0x00),
  inode_bitmap: u32le(0x04),
  inode_table: u32le(0x08),
  free_blocks_count: u16le(0x0c),
  free_inodes_count: u16le(0x0e),
  block_bitmap_csum: u16le(0x18),
});

const BLOCK_UNINIT = 0x2;

export interface GroupDescriptor {
  readonly group: number;
  readonly blockBitmap: number;
  readonly inodeBitmap: number;
  readonly inodeTable: number;
  /** in clusters */
  readonly freeCount: number;
  readonly bitmapChecksum: number;
  /** the bitmap was never written: nothing but metadata is in use, and the bitmap's block may hold anything */
  readonly isBitmapUnwritten: boolean;
}

/** Reads the whole table: 1 MiB for 2 TB of 4 KiB blocks; its size was limited with the superblock. */
export async function readDescriptorTable(volume: BlockSource, sb: ExtSuperblock): Promise<Buffer> {
  return readBlocks(volume, sb.blockBytes, descriptorTable(sb));
}

/**
 * A bitmap that was never written stands for a group without blocks in use. Only descriptors with a checksum may say so (drivers do not
 * look at the flag in others). Inodes of the group may be in use: under flex_bg their table and their blocks lie in others, and
 * e2fsck sets the flag then.
 * @throws EngineError `FORMAT_INVALID` where the checksum is wrong, the flags contradict the counters, or something of the group
 *   lies outside the file system
 */
export function descriptorOf(sb: ExtSuperblock, table: Buffer, group: number): GroupDescriptor {
  const at = group * sb.descriptorBytes;
  const bytes = table.subarray(at, at + sb.descriptorBytes);
  const { checksum, flags, ...lo } = low.read(bytes);
  const hasChecksum = hasGroupChecksums(sb);
  if (hasChecksum && descriptorChecksum(sb, group, bytes) !== checksum) {
    throw new EngineError('FORMAT_INVALID', { checksum: 'group descriptor', group });
  }
  const hi = sb.descriptorBytes >= 64 ? high.read(bytes, 32) : NO_HIGH_HALF;
  const place = (field: 'block_bitmap' | 'inode_bitmap' | 'inode_table', blocks: number) =>
    checkRange(`bg_${field}`, lo[field] + hi[field] * 2 ** 32, sb.firstDataBlock, sb.blockCount - blocks);
  const isBitmapUnwritten = (flags & BLOCK_UNINIT) !== 0;
  if (isBitmapUnwritten && !hasChecksum) {
    throw new EngineError('FORMAT_INVALID', { field: 'bg_flags', value: 'BLOCK_UNINIT', group });
  }
  return {
    group,
    blockBitmap: place('block_bitmap', 1),
    inodeBitmap: place('inode_bitmap', 1),
    inodeTable: place('inode_table', sb.inodeTableBlocks),
    freeCount: lo.free_blocks_count + hi.free_blocks_count * 2 ** 16,
    bitmapChecksum: lo.block_bitmap_csum + hi.block_bitmap_csum * 2 ** 16,
    isBitmapUnwritten,
  };
}

const NO_HIGH_HALF = {
  block_bitmap: 0,
  inode_bitmap: 0,
  inode_table: 0,
  free_blocks_count: 0,
  free_inodes_count: 0,
  block_bitmap_csum: 0,
};
