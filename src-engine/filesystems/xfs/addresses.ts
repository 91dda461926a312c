/** From the addresses of blocks and the numbers of inodes to places in the volume: "XFS Algorithms & Data Structures", "Allocation Groups". */
import { checkRange, checkSpan } from '../../core/bounds.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import type { XfsSuperblock } from './superblock.ts';

/** An opened file system: what reads its parts need. */
export interface XfsVolume {
  readonly sb: XfsSuperblock;
  /** the volume, small reads of it cached */
  readonly view: BlockSource;
}

/** Blocks of a group: fewer in the last one. */
export function agBlockCount(sb: XfsSuperblock, ag: number): number {
  return Math.min(sb.agBlocks, sb.blockCount - ag * sb.agBlocks);
}

/** Where block `agBlock` of a group begins, in bytes. */
export function agBlockOffset(sb: XfsSuperblock, ag: number, agBlock: number): number {
  return (ag * sb.agBlocks + agBlock) * sb.blockBytes;
}

/**
 * @param address group and block in one number
 * @param count blocks that follow each other: they never leave their group
 * @returns where they begin, in bytes
 * @throws EngineError `FORMAT_INVALID` where they are not inside a group
 */
export function blockOffset(sb: XfsSuperblock, what: string, address: number, count: number): number {
  const ag = Math.floor(address / 2 ** sb.agBlockBits);
  const agBlock = address % 2 ** sb.agBlockBits;
  checkRange(what, ag, 0, sb.agCount - 1);
  checkSpan(what, agBlock, count, agBlockCount(sb, ag));
  return agBlockOffset(sb, ag, agBlock);
}

/** @returns the block that an inode lies in, as its group and its number there; neither is checked */
export function addressOfInode(sb: XfsSuperblock, inode: number): { ag: number; block: number } {
  const address = Math.floor(inode / 2 ** sb.inodesPerBlockBits);
  return { ag: Math.floor(address / 2 ** sb.agBlockBits), block: address % 2 ** sb.agBlockBits };
}

/** @returns where the inode begins, in bytes @throws EngineError `FORMAT_INVALID` where it is not inside a group */
export function inodeOffset(sb: XfsSuperblock, inode: number): number {
  const address = Math.floor(inode / 2 ** sb.inodesPerBlockBits);
  const place = inode % 2 ** sb.inodesPerBlockBits;
  return blockOffset(sb, 'inode number', address, 1) + place * sb.inodeBytes;
}
