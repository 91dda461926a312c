/** Checksums of group descriptors and bitmaps: Linux, ext4/checksums.rst, and for uninit_bg ext4/group_descr.rst. */
import { crc32c } from '../../core/crc32c.ts';
import { crc16 } from './crc16.ts';
import { INCOMPAT, RO_COMPAT } from './features.ts';
import type { ExtSuperblock } from './superblock.ts';

const CHECKSUM_AT = 0x1e;
const AFTER_CHECKSUM = 0x20;

/** Whether group descriptors carry a checksum, and so flags that mean something. */
export function hasGroupChecksums(sb: ExtSuperblock): boolean {
  return (sb.features.roCompat & (RO_COMPAT.GDT_CSUM | RO_COMPAT.METADATA_CSUM)) !== 0;
}

/** @param descriptor all bytes of it, those of the checksum included */
export function descriptorChecksum(sb: ExtSuperblock, group: number, descriptor: Uint8Array): number {
  const number = new Uint8Array(4);
  new DataView(number.buffer).setUint32(0, group, true);
  const before = descriptor.subarray(0, CHECKSUM_AT);
  const after = descriptor.subarray(AFTER_CHECKSUM);
  if (sb.features.roCompat & RO_COMPAT.METADATA_CSUM) {
    const start = crc32c(crc32c(sb.checksumSeed, number), before);
    return crc32c(crc32c(start, new Uint8Array(2)), after) & 0xffff;
  }
  const start = crc16(crc16(crc16(0xffff, sb.uuid), number), before);
  return sb.features.incompat & INCOMPAT.BIT64 ? crc16(start, after) : start;
}

/** Whole bitmap blocks are not covered: only the bits of a full group. With descriptors of 32 bytes, 16 bits are kept. */
export function bitmapChecksum(sb: ExtSuperblock, bitmap: Uint8Array): number {
  const sum = crc32c(sb.checksumSeed, bitmap.subarray(0, sb.clustersPerGroup / 8));
  return sb.descriptorBytes >= 64 ? sum : sum & 0xffff;
}
