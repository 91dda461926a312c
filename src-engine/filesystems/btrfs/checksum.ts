/** Checksums of metadata. Source: Linux, include/uapi/linux/btrfs_tree.h, enum btrfs_csum_type. */
import { createHash } from 'node:crypto';
import { crc32c } from '../../core/crc32c.ts';
import { xxhash64 } from './xxhash64.ts';

/** CRC-32C, xxHash-64, SHA-256, BLAKE2b-256 */
export type ChecksumType = 0 | 1 | 2 | 3;

/**
 * @param bytes what a node or superblock holds behind its checksum
 * @returns the sum; null for BLAKE2b-256, as Node has BLAKE2b with 512 bits only: there the addresses, the ids of the file
 *   system and the generations that every node carries have to do
 */
export function checksumOf(type: ChecksumType, bytes: Buffer): Buffer | null {
  if (type === 0) {
    const sum = Buffer.alloc(4);
    sum.writeUInt32LE(~crc32c(0xffffffff, bytes) >>> 0);
    return sum;
  }
  if (type === 1) {
    const sum = Buffer.alloc(8);
    sum.writeBigUInt64LE(xxhash64(bytes));
    return sum;
  }
  return type === 2 ? createHash('sha256').update(bytes).digest() : null;
}
