/**
 * Footer and header of VHD: Microsoft, "Virtual Hard Disk Image Format Specification" 1.0: "Hard Disk Footer Format", "Dynamic Disk Header
 * Format". Numbers are big-endian.
 */
import { raw, struct, text, u16be, u32be, u64be, u8 } from '../../core/struct.ts';

export const SECTOR_BYTES = 512;
export const FOOTER_COOKIE = 'conectix';

export const vhdFooter = struct(512, {
  cookie: text(0, 8),
  features: u32be(8),
  fileFormatVersion: u32be(12),
  dataOffset: u64be(16),
  timeStamp: u32be(24),
  creatorApplication: text(28, 4),
  creatorVersion: u32be(32),
  creatorHostOs: text(36, 4),
  originalSize: u64be(40),
  currentSize: u64be(48),
  cylinders: u16be(56),
  heads: u8(58),
  sectorsPerTrack: u8(59),
  diskType: u32be(60),
  checksum: u32be(64),
  uniqueId: raw(68, 16),
  savedState: u8(84),
});
export const FOOTER_CHECKSUM_AT = 64;
export const FEATURES_RESERVED = 2;
export const FILE_FORMAT_VERSION = 0x00010000;

export const TYPE = { FIXED: 2, DYNAMIC: 3, DIFFERENCING: 4 } as const;

export const HEADER_COOKIE = 'cxsparse';
export const vhdHeader = struct(1024, {
  cookie: text(0, 8),
  dataOffset: u64be(8),
  tableOffset: u64be(16),
  headerVersion: u32be(24),
  maxTableEntries: u32be(28),
  blockSize: u32be(32),
  checksum: u32be(36),
  parentUniqueId: raw(40, 16),
  parentTimeStamp: u32be(56),
  parentName: raw(64, 512),
  locators: raw(576, 8 * 24),
});
export const HEADER_CHECKSUM_AT = 36;
export const HEADER_VERSION = 0x00010000;

export const parentLocator = struct(24, {
  platformCode: text(0, 4),
  dataSpace: u32be(4),
  dataLength: u32be(8),
  dataOffset: u64be(16),
});

export const NOWHERE = 0xffffffffffffffffn;
export const BLOCK_FREE = 0xffffffff;

/** Ones' complement of the sum of all bytes but those of the checksum itself. */
export function vhdChecksum(bytes: Uint8Array, checksumAt: number): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i++) if (i < checksumAt || i >= checksumAt + 4) sum += bytes[i];
  return ~sum >>> 0;
}
