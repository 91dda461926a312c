/** The headers of an allocation group (AGF, AGI, AGFL): "XFS Algorithms & Data Structures", "AG Free Space Management", "AG Inode Management". */
import { checkRange } from '../../core/bounds.ts';
import { struct, u32be } from '../../core/struct.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import { agBlockCount, agBlockOffset } from './addresses.ts';
import { checkBlock } from './checksum.ts';
import { checkSuperblockCopy, type XfsSuperblock } from './superblock.ts';

const MAGIC = 0x58414746;
const PLACES = { crcAt: 216, uuidAt: 64 };
const agfLayout = struct(224, {
  magicnum: u32be(0),
  versionnum: u32be(4),
  seqno: u32be(8),
  length: u32be(12),
  bno_root: u32be(16),
  cnt_root: u32be(20),
  rmap_root: u32be(24),
  bno_level: u32be(28),
  cnt_level: u32be(32),
  rmap_level: u32be(36),
  flfirst: u32be(40),
  fllast: u32be(44),
  flcount: u32be(48),
  freeblks: u32be(52),
  longest: u32be(56),
  btreeblks: u32be(60),
  refcount_root: u32be(88),
  refcount_level: u32be(92),
});

const AGI_MAGIC = 0x58414749;
const AGI_PLACES = { crcAt: 312, uuidAt: 296 };
const agiLayout = struct(336, {
  magicnum: u32be(0),
  seqno: u32be(8),
  length: u32be(12),
  root: u32be(20),
  free_root: u32be(328),
});

const AGFL_PLACES = { crcAt: 32, uuidAt: 8 };
const AGFL_HEADER_BYTES = 36;

/** Superblock, AGF, AGI and AGFL: a sector each. */
const HEADER_SECTORS = 4;

/** No tree of XFS is higher (XFS_BTREE_MAXLEVELS). */
const MAX_LEVELS = 9;

/** A tree of a group: of free space by block number (bnobt) or by length (cntbt), of owners (rmapbt), of shared blocks (refcntbt). */
export interface GroupTree {
  /** block in the group where it begins */
  readonly root: number;
  readonly levels: number;
}

export interface GroupHeader {
  readonly byBlock: GroupTree;
  readonly byLength: GroupTree;
  /** who owns what: not there in most */
  readonly reverseMap: GroupTree | null;
  /** what several files share: there unless mkfs.xfs was asked otherwise, since 5.1 */
  readonly shared: GroupTree | null;
  readonly freeBlocks: number;
  /** blocks of the longest free run */
  readonly longest: number;
  /** blocks of the free list, and those of the trees of free space but their roots: the superblock counts them as free */
  readonly listBlocks: number;
  readonly treeBlocks: number;
  /** blocks of the group that are in use for certain: the roots of its trees, and the free list */
  readonly known: readonly number[];
}

/** Blocks that the headers of a group take: they are never free. */
export function headerBlocks(sb: XfsSuperblock): number {
  return Math.ceil((HEADER_SECTORS * sb.sectorBytes) / sb.blockBytes);
}

/** @throws EngineError `FORMAT_INVALID` where a checksum is wrong or a number cannot be */
export async function readGroupHeader(volume: BlockSource, sb: XfsSuperblock, ag: number): Promise<GroupHeader> {
  const { sectorBytes } = sb;
  const startBytes = agBlockOffset(sb, ag, 0);
  const headers = await readBytes(volume, startBytes, HEADER_SECTORS * sectorBytes);
  const [sbBytes, agfBytes, agiBytes, listBytes] = [0, 1, 2, 3].map((i) =>
    headers.subarray(i * sectorBytes, (i + 1) * sectorBytes),
  );
  if (ag > 0) checkSuperblockCopy(sb, sbBytes, ag);
  const blocks = agBlockCount(sb, ag);

  const agf = agfLayout.read(agfBytes);
  checkRange('agf_magicnum', agf.magicnum, MAGIC, MAGIC);
  checkBlock(sb, agfBytes, 'agf', PLACES, startBytes + sectorBytes, ag);
  checkRange('agf_versionnum', agf.versionnum, 1, 1);
  checkRange('agf_seqno', agf.seqno, ag, ag);
  checkRange('agf_length', agf.length, blocks, blocks);

  checkBlock(sb, agiBytes, 'agi', AGI_PLACES, startBytes + 2 * sectorBytes, ag);
  const agi = agiLayout.read(agiBytes);
  checkRange('agi_magicnum', agi.magicnum, AGI_MAGIC, AGI_MAGIC);
  checkRange('agi_seqno', agi.seqno, ag, ag);
  checkRange('agi_length', agi.length, blocks, blocks);

  checkBlock(sb, listBytes, 'agfl', AGFL_PLACES, startBytes + 3 * sectorBytes, ag);
  const list = sb.features.hasChecksums ? listBytes.subarray(AGFL_HEADER_BYTES) : listBytes;
  // 0 where there is no such tree
  const roots = [agf.bno_root, agf.cnt_root, agf.rmap_root, agf.refcount_root, agi.root, agi.free_root];
  return {
    reverseMap:
      agf.rmap_root === 0
        ? null
        : { root: agf.rmap_root, levels: checkRange('agf_rmap_level', agf.rmap_level, 1, MAX_LEVELS) },
    shared:
      agf.refcount_root === 0
        ? null
        : { root: agf.refcount_root, levels: checkRange('agf_refcount_level', agf.refcount_level, 1, MAX_LEVELS) },
    byBlock: { root: agf.bno_root, levels: checkRange('agf_bno_level', agf.bno_level, 1, MAX_LEVELS) },
    byLength: { root: agf.cnt_root, levels: checkRange('agf_cnt_level', agf.cnt_level, 1, MAX_LEVELS) },
    freeBlocks: checkRange('agf_freeblks', agf.freeblks, 0, blocks),
    longest: agf.longest,
    listBlocks: agf.flcount,
    treeBlocks: agf.btreeblks,
    known: [...roots.filter((block) => block !== 0), ...freeList(list, agf)],
  };
}

/** The list is a ring of block numbers. @throws EngineError `FORMAT_INVALID` where its ends contradict its count */
function freeList(list: Buffer, { flfirst, fllast, flcount }: ReturnType<typeof agfLayout.read>): number[] {
  const size = Math.floor(list.length / 4);
  checkRange('agf_flcount', flcount, 0, size);
  if (flcount === 0) return [];
  checkRange('agf_flfirst', flfirst, 0, size - 1);
  const last = (flfirst + flcount - 1) % size;
  checkRange('agf_fllast', fllast, last, last);
  return Array.from({ length: flcount }, (_, i) => list.readUInt32BE(((flfirst + i) % size) * 4));
}
