/** Checksums of inodes and of the blocks that belong to them: Linux, Documentation/filesystems/ext4/checksums.rst. */
import { crc32c } from '../../core/crc32c.ts';
import type { ExtSuperblock } from './superblock.ts';

const CHECKSUM_LO_AT = 0x7c;
const CHECKSUM_HI_AT = 0x82;
const ZEROS = new Uint8Array(4);

/** What the sums of an inode and its blocks begin with. */
export function inodeSeed(sb: ExtSuperblock, inode: number, generation: number): number {
  const numbers = Buffer.alloc(8);
  numbers.writeUInt32LE(inode, 0);
  numbers.writeUInt32LE(generation, 4);
  return crc32c(sb.checksumSeed, numbers);
}

/**
 * @param bytes all of the inode, those of the checksum included
 * @param isWide whether the inode has room for the upper half of the sum
 */
export function inodeChecksum(seed: number, bytes: Uint8Array, isWide: boolean): number {
  let sum = crc32c(seed, bytes.subarray(0, CHECKSUM_LO_AT));
  sum = crc32c(sum, ZEROS.subarray(0, 2));
  if (!isWide) return crc32c(sum, bytes.subarray(CHECKSUM_LO_AT + 2));
  sum = crc32c(sum, bytes.subarray(CHECKSUM_LO_AT + 2, CHECKSUM_HI_AT));
  sum = crc32c(sum, ZEROS.subarray(0, 2));
  return crc32c(sum, bytes.subarray(CHECKSUM_HI_AT + 2));
}

/** Where the sum of a block of an extent tree stands: behind as many entries as it has room for. */
export function extentTailAt(entriesMax: number): number {
  return 12 + entriesMax * 12;
}

const DIRECTORY_TAIL_BYTES = 12;
/** How the last entry of a directory block says that it holds the sum: no inode, 12 bytes, no name, this type. */
const DIRECTORY_TAIL = Buffer.from('000000000c0000de', 'hex');

/** @returns whether a block of names has the sum that belongs to it */
export function isNameBlockSound(seed: number, block: Buffer): boolean {
  const tailAt = block.length - DIRECTORY_TAIL_BYTES;
  if (!block.subarray(tailAt, tailAt + 8).equals(DIRECTORY_TAIL)) return false;
  return crc32c(seed, block.subarray(0, tailAt)) === block.readUInt32LE(tailAt + 8);
}

/**
 * The same for a block of a folder's hash tree: the sum covers the entries that are in use, and stands behind all that there is
 * room for.
 * @param isRoot the first block of the folder, whose entries stand behind '.' and '..'
 */
export function isHashBlockSound(seed: number, block: Buffer, isRoot: boolean): boolean {
  const countsAt = isRoot ? 32 : 8;
  const room = block.readUInt16LE(countsAt);
  const count = block.readUInt16LE(countsAt + 2);
  const tailAt = countsAt + room * 8;
  if (count > room || tailAt + 8 > block.length) return false;
  const sum = crc32c(crc32c(seed, block.subarray(0, countsAt + count * 8)), block.subarray(tailAt, tailAt + 4));
  return crc32c(sum, ZEROS) === block.readUInt32LE(tailAt + 4);
}
