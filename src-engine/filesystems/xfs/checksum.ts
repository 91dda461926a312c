/**
 * Blocks that describe themselves, as version 5 of XFS has them: "XFS Algorithms & Data Structures", 3rd edition,
 * "Self-Describing Metadata". The CRC-32C is inverted and, unlike all else, little-endian.
 */
import { crc32c } from '../../core/crc32c.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { Features } from './features.ts';

const NO_CRC = new Uint8Array(4);

/** @param crcAt where the checksum stands in `bytes`; it counts as zeros */
export function blockChecksum(bytes: Uint8Array, crcAt: number): number {
  const before = crc32c(0xffffffff, bytes.subarray(0, crcAt));
  return ~crc32c(crc32c(before, NO_CRC), bytes.subarray(crcAt + 4)) >>> 0;
}

/** Where a kind of block keeps what it says of itself. */
export interface SelfDescription {
  readonly crcAt: number;
  readonly uuidAt: number;
  /** its address in sectors of 512 bytes, 64 bits */
  readonly addressAt?: number;
  /** number of the inode that it belongs to, 64 bits; of the allocation group, 32 bits */
  readonly ownerAt?: number;
  readonly ownerBytes?: 4 | 8;
}

/**
 * Believes a block of version 5 when its checksum is right and it says that it belongs to this file system, this place and
 * this owner; blocks of version 4 say nothing.
 * @param what the kind of block, for the error
 * @throws EngineError `FORMAT_INVALID` (data: `checksum`, or the field that is wrong)
 */
export function checkBlock(
  sb: { readonly features: Features; readonly metaUuid: Buffer },
  bytes: Buffer,
  what: string,
  places: SelfDescription,
  offsetBytes: number,
  owner: number,
): void {
  if (!sb.features.hasChecksums) return;
  if (blockChecksum(bytes, places.crcAt) !== bytes.readUInt32LE(places.crcAt)) {
    throw new EngineError('FORMAT_INVALID', { checksum: what, offsetBytes });
  }
  if (!bytes.subarray(places.uuidAt, places.uuidAt + 16).equals(sb.metaUuid)) refuse(what, 'uuid', offsetBytes);
  if (places.addressAt !== undefined && bytes.readBigUInt64BE(places.addressAt) !== BigInt(offsetBytes / 512)) {
    refuse(what, 'blkno', offsetBytes);
  }
  if (places.ownerAt === undefined) return;
  const found =
    places.ownerBytes === 4 ? BigInt(bytes.readUInt32BE(places.ownerAt)) : bytes.readBigUInt64BE(places.ownerAt);
  if (found !== BigInt(owner)) refuse(what, 'owner', offsetBytes);
}

function refuse(what: string, field: string, offsetBytes: number): never {
  throw new EngineError('FORMAT_INVALID', { field: `${what}: ${field}`, value: 'of another block', offsetBytes });
}
