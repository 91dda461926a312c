/** Checksums of metadata. Source: Linux, include/uapi/linux/btrfs_tree.h, enum btrfs_csum_type. */
import { createHash } from 'node:crypto';
import { crc32c } from '../../core/crc32c.ts';

/** CRC-32C, xxHash-64, SHA-256, BLAKE2b-256 */
export type ChecksumType = 0 | 1 | 2 | 3;

/**
 * @returns the sum; null for kinds that are not computed here (Node's BLAKE2b has 512 bits only, and xxHash is no hash of
 *   its), where the addresses and generations that every node carries have to do
 */
export function checksumOf(type: ChecksumType, bytes: Uint8Array): Buffer | null {
  if (type === 0) {
    const sum = Buffer.alloc(4);
    sum.writeUInt32LE(~crc32c(0xffffffff, bytes) >>> 0);
    return sum;
  }
  return type === 2 ? createHash('sha256').update(bytes).digest() : null;
}
