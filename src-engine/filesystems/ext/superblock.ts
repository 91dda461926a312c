/** The superblock of ext2, ext3 and ext4: Linux, Documentation/filesystems/ext4/super.rst. */
import { checkRange } from '../../core/bounds.ts';
import { crc32c } from '../../core/crc32c.ts';
import { EngineError } from '../../core/engine-error.ts';
import { raw, struct, text, u16le, u32le, u8 } from '../../core/struct.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { MAX_PIECE_BYTES, readBytes } from '../../disk/read.ts';
import { uuidText } from '../uuid.ts';
import { COMPAT, INCOMPAT, refuseStrangers, RO_COMPAT, type Features } from './features.ts';

export const SUPERBLOCK_OFFSET_BYTES = 1024;
const SUPERBLOCK_BYTES = 1024;
const CHECKSUM_AT = 0x3fc;
const MAGIC = 0xef53;

const layout = struct(SUPERBLOCK_BYTES, {
  inodes_count: u32le(0x00),
  blocks_count_lo: u32le(0x04),
  free_blocks_count_lo: u32le(0x0c),
  free_inodes_count: u32le(0x10),
  first_data_block: u32le(0x14),
  log_block_size: u32le(0x18),
  log_cluster_size: u32le(0x1c),
  blocks_per_group: u32le(0x20),
  clusters_per_group: u32le(0x24),
  inodes_per_group: u32le(0x28),
  magic: u16le(0x38),
  state: u16le(0x3a),
  rev_level: u32le(0x4c),
  inode_size: u16le(0x58),
  block_group_nr: u16le(0x5a),
  feature_compat: u32le(0x5c),
  feature_incompat: u32le(0x60),
  feature_ro_compat: u32le(0x64),
  uuid: raw(0x68, 16),
  volume_name: text(0x78, 16, 'utf8'),
  reserved_gdt_blocks: u16le(0xce),
  journal_uuid: raw(0xd0, 16),
  journal_inum: u32le(0xe0),
  journal_dev: u32le(0xe4),
  desc_size: u16le(0xfe),
  first_meta_bg: u32le(0x104),
  blocks_count_hi: u32le(0x150),
  free_blocks_count_hi: u32le(0x158),
  checksum_type: u8(0x175),
  backup_bg_0: u32le(0x24c),
  backup_bg_1: u32le(0x250),
  checksum_seed: u32le(0x270),
  checksum: u32le(CHECKSUM_AT),
});

/** Where everything is, after every number has been checked. */
export interface ExtSuperblock {
  readonly features: Features;
  readonly uuid: Buffer;
  readonly label: string;
  readonly blockBytes: number;
  readonly blockCount: number;
  /** in blocks. Only true after a clean unmount: a journal does not keep it */
  readonly freeBlockCount: number;
  /** 1 where blocks are of 1 KiB and block 0 is the boot block, else 0 */
  readonly firstDataBlock: number;
  readonly blocksPerGroup: number;
  readonly groupCount: number;
  /** blocks to a bit of the bitmaps: more than 1 with bigalloc */
  readonly blocksPerCluster: number;
  readonly clustersPerGroup: number;
  readonly inodeBytes: number;
  readonly inodeCount: number;
  /** as true as {@link freeBlockCount} */
  readonly freeInodeCount: number;
  readonly inodesPerGroup: number;
  readonly inodeTableBlocks: number;
  readonly descriptorBytes: number;
  /** blocks of group descriptors of the whole file system */
  readonly descriptorBlocks: number;
  /** with meta_bg: the first descriptor block that lies in its own meta group */
  readonly firstMetaBlockGroup: number;
  readonly reservedDescriptorBlocks: number;
  /** with sparse_super2: the two groups that hold backups; 0 for none */
  readonly backupGroups: readonly [number, number];
  /** what the sums of metadata_csum begin with */
  readonly checksumSeed: number;
  readonly journalInode: number;
  /** UUID of the journal where it is on another device */
  readonly externalJournal: string | null;
  readonly isUnmountedCleanly: boolean;
  readonly hasErrors: boolean;
}

/**
 * @returns null where there is no ext superblock at 1024
 * @throws EngineError `FORMAT_INVALID` where a field cannot be or the checksum is wrong, `FORMAT_UNSUPPORTED` for a feature
 *   that changes the format in a way that is not known here
 */
export async function readSuperblock(volume: BlockSource): Promise<ExtSuperblock | null> {
  if (volume.lengthBytes < SUPERBLOCK_OFFSET_BYTES + SUPERBLOCK_BYTES) return null;
  const bytes = await readBytes(volume, SUPERBLOCK_OFFSET_BYTES, SUPERBLOCK_BYTES);
  const s = layout.read(bytes);
  if (s.magic !== MAGIC) return null;
  const features = { compat: s.feature_compat, incompat: s.feature_incompat, roCompat: s.feature_ro_compat };
  if (features.roCompat & RO_COMPAT.METADATA_CSUM) {
    checkRange('s_checksum_type', s.checksum_type, 1, 1);
    if (crc32c(0xffffffff, bytes.subarray(0, CHECKSUM_AT)) !== s.checksum) {
      throw new EngineError('FORMAT_INVALID', { checksum: 'superblock' });
    }
    if (features.roCompat & RO_COMPAT.GDT_CSUM) {
      throw new EngineError('FORMAT_INVALID', { field: 's_feature_ro_compat', value: 'uninit_bg and metadata_csum' });
    }
  }
  refuseStrangers(features);
  return { ...identity(s), features, ...geometry(s, features), ...health(s) };
}

type Raw = ReturnType<typeof layout.read>;

function identity(s: Raw) {
  return { uuid: s.uuid, label: s.volume_name, checksumSeed: seedOf(s) };
}

function seedOf(s: Raw): number {
  return s.feature_incompat & INCOMPAT.CSUM_SEED ? s.checksum_seed : crc32c(0xffffffff, s.uuid);
}

const isPowerOfTwo = (n: number) => n > 0 && (n & (n - 1)) === 0;

function refuseField(field: string, value: number): never {
  throw new EngineError('FORMAT_INVALID', { field, value: String(value) });
}

function geometry(s: Raw, features: Features) {
  const isBigalloc = (features.roCompat & RO_COMPAT.BIGALLOC) !== 0;
  const is64Bit = (features.incompat & INCOMPAT.BIT64) !== 0;
  // A superblock that says it is a backup: this volume begins in the middle of a file system.
  if (s.block_group_nr !== 0) refuseField('s_block_group_nr', s.block_group_nr);

  const blockBytes = 1024 << checkRange('s_log_block_size', s.log_block_size, 0, 6);
  const logClusterMax = isBigalloc ? 20 : s.log_block_size;
  const logCluster = isBigalloc ? s.log_cluster_size : s.log_block_size;
  const blocksPerCluster =
    2 ** (checkRange('s_log_cluster_size', logCluster, s.log_block_size, logClusterMax) - s.log_block_size);

  // With 1 KiB blocks the first group begins after the boot block; with bigalloc only file systems of old mke2fs do so.
  const firstDataBlock = checkRange('s_first_data_block', s.first_data_block, 0, blockBytes === 1024 ? 1 : 0);
  if (blockBytes === 1024 && firstDataBlock === 0 && !isBigalloc) refuseField('s_first_data_block', 0);

  const clustersPerGroup = isBigalloc ? s.clusters_per_group : s.blocks_per_group;
  checkRange('s_clusters_per_group', clustersPerGroup, 8, blockBytes * 8);
  if (clustersPerGroup % 8 !== 0) refuseField('s_clusters_per_group', clustersPerGroup);
  const blocksPerGroup = s.blocks_per_group;
  if (blocksPerGroup !== clustersPerGroup * blocksPerCluster) refuseField('s_blocks_per_group', blocksPerGroup);

  const blockCount = s.blocks_count_lo + (is64Bit ? s.blocks_count_hi * 2 ** 32 : 0);
  checkRange('s_blocks_count', blockCount, firstDataBlock + 1, Math.floor(Number.MAX_SAFE_INTEGER / blockBytes));
  const groupCount = Math.ceil((blockCount - firstDataBlock) / blocksPerGroup);

  const inodeBytes = s.rev_level === 0 ? 128 : checkRange('s_inode_size', s.inode_size, 128, blockBytes);
  if (!isPowerOfTwo(inodeBytes)) refuseField('s_inode_size', inodeBytes);
  const inodesPerGroup = checkRange('s_inodes_per_group', s.inodes_per_group, 1, blockBytes * 8);
  checkRange('s_inodes_count', s.inodes_count, inodesPerGroup * groupCount, inodesPerGroup * groupCount);
  const inodeTableBlocks = Math.ceil((inodesPerGroup * inodeBytes) / blockBytes);
  checkRange('inode table', inodeTableBlocks, 1, blocksPerGroup);

  const descriptorBytes = is64Bit ? checkRange('s_desc_size', s.desc_size, 64, 1024) : 32;
  if (!isPowerOfTwo(descriptorBytes)) refuseField('s_desc_size', descriptorBytes);
  const descriptorBlocks = Math.ceil((groupCount * descriptorBytes) / blockBytes);
  checkRange('group descriptors', descriptorBlocks * blockBytes, 1, MAX_PIECE_BYTES);
  const hasMetaGroups = (features.incompat & INCOMPAT.META_BG) !== 0;

  return {
    blockBytes,
    blockCount,
    freeBlockCount: s.free_blocks_count_lo + (is64Bit ? s.free_blocks_count_hi * 2 ** 32 : 0),
    firstDataBlock,
    blocksPerGroup,
    groupCount,
    blocksPerCluster,
    clustersPerGroup,
    inodeBytes,
    inodeCount: s.inodes_count,
    freeInodeCount: s.free_inodes_count,
    inodesPerGroup,
    inodeTableBlocks,
    descriptorBytes,
    descriptorBlocks,
    firstMetaBlockGroup: hasMetaGroups
      ? checkRange('s_first_meta_bg', s.first_meta_bg, 0, descriptorBlocks)
      : descriptorBlocks,
    reservedDescriptorBlocks: checkRange('s_reserved_gdt_blocks', s.reserved_gdt_blocks, 0, blockBytes / 4),
    backupGroups: [s.backup_bg_0, s.backup_bg_1] as const,
  };
}

const STATE_CLEAN = 1;
const STATE_ERRORS = 2;

function health(s: Raw) {
  const hasJournal = (s.feature_compat & COMPAT.HAS_JOURNAL) !== 0;
  const isExternal = hasJournal && s.journal_inum === 0;
  return {
    journalInode: hasJournal ? s.journal_inum : 0,
    externalJournal: isExternal || (hasJournal && s.journal_dev !== 0) ? uuidText(s.journal_uuid) : null,
    isUnmountedCleanly: (s.state & STATE_CLEAN) !== 0,
    hasErrors: (s.state & STATE_ERRORS) !== 0,
  };
}
