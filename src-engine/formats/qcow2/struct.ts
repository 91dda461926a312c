/** The header of qcow2, and what stands behind it: QEMU, docs/interop/qcow2.txt, "Header". Numbers are big-endian. */
import { struct, u16be, u32be, u64be, u8 } from '../../core/struct.ts';

export const MAGIC = 0x514649fb;

/** The 72 bytes that versions 2 and 3 share. */
export const headerV2 = struct(72, {
  magic: u32be(0),
  version: u32be(4),
  backing_file_offset: u64be(8),
  backing_file_size: u32be(16),
  cluster_bits: u32be(20),
  size: u64be(24),
  crypt_method: u32be(32),
  l1_size: u32be(36),
  l1_table_offset: u64be(40),
  refcount_table_offset: u64be(48),
  refcount_table_clusters: u32be(56),
  nb_snapshots: u32be(60),
  snapshots_offset: u64be(64),
});

/** What version 3 has behind them; the compression type is there where header_length is over 104. */
export const headerV3 = struct(40, {
  incompatible_features: u64be(0),
  compatible_features: u64be(8),
  autoclear_features: u64be(16),
  refcount_order: u32be(24),
  header_length: u32be(28),
  compression_type: u8(32),
});

export const extensionHeader = struct(8, { type: u32be(0), length: u32be(4) });
export const EXTENSION_END = 0;
export const EXTENSION_BACKING_FORMAT = 0xe2792aca;
export const EXTENSION_BITMAPS = 0x23852875;

export const bitmapsExtension = struct(24, {
  nb_bitmaps: u32be(0),
  bitmap_directory_size: u64be(8),
  bitmap_directory_offset: u64be(16),
});

/** Of the directory; extra data and the name stand behind it. */
export const bitmapEntry = struct(24, {
  bitmap_table_offset: u64be(0),
  bitmap_table_size: u32be(8),
  flags: u32be(12),
  type: u8(16),
  granularity_bits: u8(17),
  name_size: u16be(18),
  extra_data_size: u32be(20),
});

/** Bits of incompatible_features. */
export const INCOMPATIBLE = {
  DIRTY: 1n,
  CORRUPT: 2n,
  EXTERNAL_DATA: 4n,
  COMPRESSION: 8n,
  EXTENDED_L2: 16n,
} as const;

export const COMPRESSION_ZLIB = 0;
export const COMPRESSION_ZSTD = 1;
