/** The superblock of XFS: "XFS Algorithms & Data Structures", 3rd edition, "Superblocks"; Linux, xfs_format.h, xfs_dsb. */
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import { raw, struct, text, u16be, u32be, u64be, u8 } from '../../core/struct.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import { blockChecksum } from './checksum.ts';
import { readFeatures, versionOf, type Features } from './features.ts';

const SUPERBLOCK_BYTES = 264;
const MIN_SECTOR_BYTES = 512;
const CRC_AT = 224;
const MAGIC = 0x58465342;

/** Fewer make no allocation group (XFS_MIN_AG_BLOCKS). */
const MIN_AG_BLOCKS = 64;

const layout = struct(SUPERBLOCK_BYTES, {
  magicnum: u32be(0),
  blocksize: u32be(4),
  dblocks: u64be(8),
  rblocks: u64be(16),
  uuid: raw(32, 16),
  logstart: u64be(48),
  rootino: u64be(56),
  agblocks: u32be(84),
  agcount: u32be(88),
  logblocks: u32be(96),
  fdblocks: u64be(144),
  versionnum: u16be(100),
  sectsize: u16be(102),
  inodesize: u16be(104),
  inopblock: u16be(106),
  fname: text(108, 12, 'utf8'),
  blocklog: u8(120),
  sectlog: u8(121),
  inodelog: u8(122),
  inopblog: u8(123),
  agblklog: u8(124),
  inprogress: u8(126),
  dirblklog: u8(192),
  features2: u32be(200),
  bad_features2: u32be(204),
  features_ro_compat: u32be(212),
  features_incompat: u32be(216),
  meta_uuid: raw(248, 16),
});

/** Where everything is, after every number has been checked. "ag": allocation group. */
export interface XfsSuperblock {
  readonly features: Features;
  readonly uuid: Buffer;
  /** what blocks of version 5 carry: the UUID that mkfs gave, where the superblock's was changed later */
  readonly metaUuid: Buffer;
  readonly label: string;
  readonly blockBytes: number;
  readonly blockCount: number;
  readonly sectorBytes: number;
  /** free blocks, those of the free lists and of the trees of free space among them */
  readonly freeBlockCount: number;
  /** blocks of every group but the last */
  readonly agBlocks: number;
  readonly agCount: number;
  /** a block's address is the number of its group, shifted by this, and its number in the group */
  readonly agBlockBits: number;
  readonly inodeBytes: number;
  readonly inodesPerBlock: number;
  /** an inode's number is the address of its block, shifted by this, and its place in the block */
  readonly inodesPerBlockBits: number;
  readonly rootInode: number;
  /** of directories: one or more blocks */
  readonly directoryBlockBytes: number;
  /** address of the first block of the log */
  readonly logStart: number;
  readonly logBlocks: number;
}

/**
 * @returns null where there is no XFS superblock at 0
 * @throws EngineError `FORMAT_INVALID` where a field cannot be or the checksum is wrong; `FORMAT_UNSUPPORTED` for a feature that
 *   is not known here, a log or a realtime section on another device
 */
export async function readSuperblock(volume: BlockSource): Promise<XfsSuperblock | null> {
  if (volume.lengthBytes < MIN_SECTOR_BYTES) return null;
  const s = layout.read(await readBytes(volume, 0, MIN_SECTOR_BYTES));
  if (s.magicnum !== MAGIC) return null;
  const sectorBytes = powerOfTwo('sb_sectsize', s.sectsize, 'sb_sectlog', s.sectlog, 9, 15);
  if (versionOf(s.versionnum) === 5) await checkChecksum(volume, sectorBytes);
  const features = readFeatures({
    versionnum: s.versionnum,
    // a kernel of 2008 wrote the field eight bytes too far; both places are kept alike since
    features2: s.features2 | s.bad_features2,
    incompat: s.features_incompat,
    roCompat: s.features_ro_compat,
  });
  if (s.rblocks !== 0n) throw new EngineError('FORMAT_UNSUPPORTED', { feature: 'xfs realtime device' });
  if (s.logstart === 0n) throw new EngineError('FORMAT_UNSUPPORTED', { feature: 'xfs external log' });
  checkRange('sb_inprogress', s.inprogress, 0, 0);
  return {
    features,
    uuid: s.uuid,
    metaUuid: features.hasMetaUuid ? s.meta_uuid : s.uuid,
    label: s.fname,
    sectorBytes,
    ...geometry(s, features, sectorBytes),
  };
}

/**
 * Copies of the superblock begin the groups behind the first; counters and features in them may be old.
 * @throws EngineError `FORMAT_INVALID` where one tells of another volume, as where growing it was broken off
 */
export function checkSuperblockCopy(sb: XfsSuperblock, sector: Buffer, ag: number): void {
  const copy = layout.read(sector);
  const found = [copy.magicnum, copy.blocksize, Number(copy.dblocks), copy.agblocks, copy.agcount];
  const expected = [MAGIC, sb.blockBytes, sb.blockCount, sb.agBlocks, sb.agCount];
  const at = found.findIndex((value, i) => value !== expected[i]);
  if (at < 0) return;
  const field = ['sb_magicnum', 'sb_blocksize', 'sb_dblocks', 'sb_agblocks', 'sb_agcount'][at];
  throw new EngineError('FORMAT_INVALID', { field, value: String(found[at]), expected: expected[at], group: ag });
}

type Raw = ReturnType<typeof layout.read>;

async function checkChecksum(volume: BlockSource, sectorBytes: number): Promise<void> {
  const sector = await readBytes(volume, 0, sectorBytes);
  if (blockChecksum(sector, CRC_AT) !== sector.readUInt32LE(CRC_AT)) {
    throw new EngineError('FORMAT_INVALID', { checksum: 'superblock' });
  }
}

function geometry(s: Raw, features: Features, sectorBytes: number) {
  const minBlockLog = features.hasChecksums ? 10 : 9;
  const blockBytes = powerOfTwo('sb_blocksize', s.blocksize, 'sb_blocklog', s.blocklog, minBlockLog, 16);
  checkRange('sb_sectsize', sectorBytes, MIN_SECTOR_BYTES, blockBytes);
  const inodeBytes = powerOfTwo('sb_inodesize', s.inodesize, 'sb_inodelog', s.inodelog, minBlockLog - 1, 11);
  const inodesPerBlock = blockBytes / inodeBytes;
  checkRange('sb_inopblock', s.inopblock, Math.max(1, inodesPerBlock), inodesPerBlock);
  checkRange('sb_inopblog', s.inopblog, Math.log2(inodesPerBlock), Math.log2(inodesPerBlock));
  checkRange('sb_dirblklog', s.dirblklog, 0, 16 - s.blocklog);

  const maxBlocks = Math.floor(Number.MAX_SAFE_INTEGER / blockBytes);
  const blockCount = checkRange('sb_dblocks', Number(s.dblocks), MIN_AG_BLOCKS, maxBlocks);
  const agBlocks = checkRange('sb_agblocks', s.agblocks, MIN_AG_BLOCKS, 2 ** 31);
  const agCount = Math.ceil(blockCount / agBlocks);
  checkRange('sb_agcount', s.agcount, agCount, agCount);
  checkRange('sb_agblklog', s.agblklog, Math.ceil(Math.log2(agBlocks)), Math.ceil(Math.log2(agBlocks)));
  const addressEnd = agCount * 2 ** s.agblklog;
  const inodeEnd = checkRange('inode numbers', addressEnd * inodesPerBlock, 1, Number.MAX_SAFE_INTEGER);

  return {
    blockBytes,
    blockCount,
    freeBlockCount: checkRange('sb_fdblocks', Number(s.fdblocks), 0, blockCount),
    agBlocks,
    agCount,
    agBlockBits: s.agblklog,
    inodeBytes,
    inodesPerBlock,
    inodesPerBlockBits: s.inopblog,
    rootInode: checkRange('sb_rootino', Number(s.rootino), 1, inodeEnd - 1),
    directoryBlockBytes: blockBytes * 2 ** s.dirblklog,
    logStart: checkRange('sb_logstart', Number(s.logstart), 1, addressEnd - 1),
    logBlocks: checkRange('sb_logblocks', s.logblocks, 1, agBlocks),
  };
}

/** @returns the size, where its logarithm agrees */
function powerOfTwo(field: string, value: number, logField: string, log: number, min: number, max: number): number {
  checkRange(logField, log, min, max);
  return checkRange(field, value, 2 ** log, 2 ** log);
}
