/**
 * Structures of VHDX: Microsoft, [MS-VHDX], section 2: headers (2.2), log (2.3), BAT (2.5), metadata (2.6). Numbers are
 * little-endian, text is UTF-16.
 */
import { crc32c } from '../../core/crc32c.ts';
import { guid, raw, struct, text, u16le, u32le, u64le } from '../../core/struct.ts';

const KIB = 1024;
export const MIB = 1024 * KIB;

export const FILE_SIGNATURE = 'vhdxfile';
export const fileIdentifier = struct(520, { signature: text(0, 8), creator: text(8, 512, 'utf16le') });

/** Two headers; the one with the higher sequence number counts. */
export const HEADER_OFFSETS = [64 * KIB, 128 * KIB] as const;
export const vhdxHeader = struct(4 * KIB, {
  signature: text(0, 4),
  checksum: u32le(4),
  sequenceNumber: u64le(8),
  fileWriteGuid: guid(16),
  dataWriteGuid: guid(32),
  logGuid: guid(48),
  logVersion: u16le(64),
  version: u16le(66),
  logLength: u32le(68),
  logOffset: u64le(72),
});
export const NO_GUID = '00000000-0000-0000-0000-000000000000';

export const REGION_TABLE_OFFSETS = [192 * KIB, 256 * KIB] as const;
export const REGION_TABLE_BYTES = 64 * KIB;
export const regionTable = struct(16, { signature: text(0, 4), checksum: u32le(4), entryCount: u32le(8) });
export const regionEntry = struct(32, { guid: guid(0), fileOffset: u64le(16), length: u32le(24), required: u32le(28) });
export const REGION = {
  BAT: '2DC27766-F623-4200-9D64-115E9BFD4A08',
  METADATA: '8B7CA206-4790-4B9A-B8FE-575F050F886E',
} as const;

export const logEntryHeader = struct(64, {
  signature: text(0, 4),
  checksum: u32le(4),
  entryLength: u32le(8),
  tail: u32le(12),
  sequenceNumber: u64le(16),
  descriptorCount: u32le(24),
  logGuid: guid(32),
  flushedFileOffset: u64le(48),
  lastFileOffset: u64le(56),
});
export const LOG_SECTOR_BYTES = 4 * KIB;
export const LOG_DESCRIPTOR_BYTES = 32;
export const zeroDescriptor = struct(32, {
  signature: text(0, 4),
  zeroLength: u64le(8),
  fileOffset: u64le(16),
  sequenceNumber: u64le(24),
});
/** What a sector of the log has no room for, because of its own marks, is here. */
export const dataDescriptor = struct(32, {
  signature: text(0, 4),
  trailingBytes: raw(4, 4),
  leadingBytes: raw(8, 8),
  fileOffset: u64le(16),
  sequenceNumber: u64le(24),
});
export const logDataSector = struct(4 * KIB, {
  signature: text(0, 4),
  sequenceHigh: u32le(4),
  data: raw(8, 4084),
  sequenceLow: u32le(4092),
});

export const metadataTable = struct(32, { signature: text(0, 8), entryCount: u16le(10) });
export const metadataEntry = struct(32, { itemId: guid(0), offset: u32le(16), length: u32le(20), flags: u32le(24) });
export const METADATA_TABLE_BYTES = 64 * KIB;
export const METADATA_IS_VIRTUAL_DISK = 2;
export const METADATA_IS_REQUIRED = 4;
export const ITEM = {
  FILE_PARAMETERS: 'CAA16737-FA36-4D43-B3B6-33F0AA44E76B',
  VIRTUAL_DISK_SIZE: '2FA54224-CD1B-4876-B211-5DBED83BF4B8',
  VIRTUAL_DISK_ID: 'BECA12AB-B2E6-4523-93EF-C309E000C746',
  LOGICAL_SECTOR_SIZE: '8141BF1D-A96F-4709-BA47-F233A8FAAB5F',
  PHYSICAL_SECTOR_SIZE: 'CDA348C7-445D-4471-9CC9-E9885251C556',
  PARENT_LOCATOR: 'A8D35F2D-B30B-454D-ABF7-D3D84834AB0C',
} as const;
export const fileParameters = struct(8, { blockSize: u32le(0), flags: u32le(4) });
export const FILE_PARAMETER = { LEAVE_BLOCKS_ALLOCATED: 1, HAS_PARENT: 2 } as const;

export const parentLocatorHeader = struct(20, { locatorType: guid(0), keyValueCount: u16le(18) });
export const parentLocatorEntry = struct(12, {
  keyOffset: u32le(0),
  valueOffset: u32le(4),
  keyLength: u16le(8),
  valueLength: u16le(10),
});
export const LOCATOR_TYPE_VHDX = 'B04AEFB7-D19E-4A81-B789-25B8E9445913';

/** States of payload blocks; of those that hold bitmaps of sectors, only the first and FULLY_PRESENT. */
export const BLOCK_STATE = {
  NOT_PRESENT: 0,
  UNDEFINED: 1,
  ZERO: 2,
  UNMAPPED: 3,
  FULLY_PRESENT: 6,
  PARTIALLY_PRESENT: 7,
} as const;

/** Sectors that the bitmap in one block describes. */
export const SECTORS_PER_BITMAP = 2 ** 23;

/** CRC-32C of `bytes` with zeros in place of the four bytes of the checksum. */
export function vhdxChecksum(bytes: Uint8Array, checksumAt = 4): number {
  const before = crc32c(0xffffffff, bytes.subarray(0, checksumAt));
  const zeros = crc32c(before, new Uint8Array(4));
  return ~crc32c(zeros, bytes.subarray(checksumAt + 4)) >>> 0;
}
