/** The header of an allocation group's free space (AGF): "XFS Algorithms & Data Structures", "AG Free Space Management". */
import { checkRange } from '../../core/bounds.ts';
import { struct } from '../../core/struct.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import { agBlockCount, agBlockOffset } from './addresses.ts';
import { checkBlock } from './checksum.ts';
import { u32be } from './fields.ts';
import type { XfsSuperblock } from './superblock.ts';

const MAGIC = 0x58414746;
const PLACES = { crcAt: 216, uuidAt: 64 };

const layout = struct(224, {
  magicnum: u32be(0),
  versionnum: u32be(4),
  seqno: u32be(8),
  length: u32be(12),
  bno_root: u32be(16),
  bno_level: u32be(28),
  freeblks: u32be(52),
});

/** Superblock, AGF, AGI and AGFL: a sector each. */
const HEADER_SECTORS = 4;

/** No tree of XFS is higher (XFS_BTREE_MAXLEVELS). */
const MAX_LEVELS = 9;

export interface GroupHeader {
  /** block in the group where the tree of free space by block number begins */
  readonly root: number;
  readonly levels: number;
  readonly freeBlocks: number;
}

/** Blocks that the headers of a group take: they are never free. */
export function headerBlocks(sb: XfsSuperblock): number {
  return Math.ceil((HEADER_SECTORS * sb.sectorBytes) / sb.blockBytes);
}

/** @throws EngineError `FORMAT_INVALID` where the checksum is wrong or a number cannot be */
export async function readGroupHeader(volume: BlockSource, sb: XfsSuperblock, ag: number): Promise<GroupHeader> {
  const offsetBytes = agBlockOffset(sb, ag, 0) + sb.sectorBytes;
  const bytes = await readBytes(volume, offsetBytes, sb.sectorBytes);
  const agf = layout.read(bytes);
  checkRange('agf_magicnum', agf.magicnum, MAGIC, MAGIC);
  checkBlock(sb, bytes, 'agf', PLACES, offsetBytes, ag);
  const blocks = agBlockCount(sb, ag);
  checkRange('agf_versionnum', agf.versionnum, 1, 1);
  checkRange('agf_seqno', agf.seqno, ag, ag);
  checkRange('agf_length', agf.length, blocks, blocks);
  return {
    root: agf.bno_root,
    levels: checkRange('agf_bno_level', agf.bno_level, 1, MAX_LEVELS),
    freeBlocks: checkRange('agf_freeblks', agf.freeblks, 0, blocks),
  };
}
