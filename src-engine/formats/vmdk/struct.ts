/**
 * Headers of VMDK's sparse extents. VMware, "Virtual Disk Format 5.0": "Hosted Sparse Extent Header" and "ESX Server Sparse Extents".
 * Numbers are little-endian; places are in sectors of 512 bytes.
 */
import { raw, struct, u16le, u32le, u64le, u8 } from '../../core/struct.ts';

export const SECTOR_BYTES = 512;

export const HOSTED_MAGIC = 0x564d444b; // "KDMV"
export const hostedHeader = struct(512, {
  magicNumber: u32le(0),
  version: u32le(4),
  flags: u32le(8),
  capacity: u64le(12),
  grainSize: u64le(20),
  descriptorOffset: u64le(28),
  descriptorSize: u64le(36),
  numGTEsPerGT: u32le(44),
  rgdOffset: u64le(48),
  gdOffset: u64le(56),
  overHead: u64le(64),
  uncleanShutdown: u8(72),
  /** a line feed, a space, a carriage return and a line feed: transfers as text change them */
  newLines: raw(73, 4),
  compressAlgorithm: u16le(77),
});
export const NEW_LINES = Buffer.from('\n \r\n', 'latin1');

export const HOSTED_FLAG = {
  NEW_LINES: 0x1,
  REDUNDANT_TABLES: 0x2,
  ZERO_GRAINS: 0x4,
  COMPRESSED: 0x10000,
  MARKERS: 0x20000,
} as const;
export const COMPRESSION_DEFLATE = 1;
/** gdOffset of a stream, whose header was written before the place was known: a copy of the header near the end has it. */
export const GD_AT_END = 0xffffffffffffffffn;

/** Before each compressed grain; other markers have size 0 and a type behind it. */
export const grainMarker = struct(12, { lba: u64le(0), size: u32le(8) });
export const metadataMarker = struct(512, { sectors: u64le(0), size: u32le(8), type: u32le(12) });
export const MARKER = { END_OF_STREAM: 0, GRAIN_TABLE: 1, GRAIN_DIRECTORY: 2, FOOTER: 3 } as const;

/** An entry of a grain table that stands for a grain of zeros. */
export const ZERO_GRAIN = 1;

export const ESX_MAGIC = 0x44574f43; // "COWD"
export const esxHeader = struct(512, {
  magicNumber: u32le(0),
  version: u32le(4),
  flags: u32le(8),
  numSectors: u32le(12),
  grainSize: u32le(16),
  gdOffset: u32le(20),
  numGDEntries: u32le(24),
});
export const ESX_TABLE_ENTRIES = 4096;

/** The first 64 bits of an SE sparse extent. */
export const SE_SPARSE_MAGIC = 0xcafebaben;
