/** Where the fixed metadata of block groups lies: superblock backups and group descriptors. Linux, ext4/blockgroup.rst. */
import { COMPAT, INCOMPAT, RO_COMPAT } from './features.ts';
import { SUPERBLOCK_OFFSET_BYTES, type ExtSuperblock } from './superblock.ts';

export function groupStart(sb: ExtSuperblock, group: number): number {
  return sb.firstDataBlock + group * sb.blocksPerGroup;
}

/** Blocks of a group: fewer in the last one. */
export function groupBlocks(sb: ExtSuperblock, group: number): number {
  return Math.min(sb.blocksPerGroup, sb.blockCount - groupStart(sb, group));
}

export function groupOf(sb: ExtSuperblock, block: number): number {
  return Math.floor((block - sb.firstDataBlock) / sb.blocksPerGroup);
}

function isPowerOf(base: number, n: number): boolean {
  let power = base;
  while (power < n) power *= base;
  return power === n;
}

/** Whether a group begins with the superblock or a backup of it. */
export function hasSuperblock(sb: ExtSuperblock, group: number): boolean {
  if (group === 0) return true;
  if (sb.features.compat & COMPAT.SPARSE_SUPER2) return sb.backupGroups.includes(group);
  if (group === 1 || !(sb.features.roCompat & RO_COMPAT.SPARSE_SUPER)) return true;
  return isPowerOf(3, group) || isPowerOf(5, group) || isPowerOf(7, group);
}

/** Block of the primary superblock: 1 with blocks of 1 KiB, even where the first group begins at block 0. */
const superblockBlock = (sb: ExtSuperblock) => Math.floor(SUPERBLOCK_OFFSET_BYTES / sb.blockBytes);

/** Block numbers of the group descriptors, in order. */
export function descriptorTable(sb: ExtSuperblock): number[] {
  const perBlock = sb.blockBytes / sb.descriptorBytes;
  return Array.from({ length: sb.descriptorBlocks }, (_, i) => {
    if (i === 0 || i < sb.firstMetaBlockGroup) return superblockBlock(sb) + 1 + i;
    const group = i * perBlock;
    return groupStart(sb, group) + (hasSuperblock(sb, group) ? 1 : 0);
  });
}

/**
 * Blocks at the beginning of a group that hold the superblock, group descriptors and those kept in reserve, with the boot
 * block where it belongs to the first group.
 */
export function fixedBlocks(sb: ExtSuperblock, group: number): number {
  const boot = group === 0 ? superblockBlock(sb) - sb.firstDataBlock : 0;
  const own = hasSuperblock(sb, group) ? 1 : 0;
  const perBlock = sb.blockBytes / sb.descriptorBytes;
  const metaGroup = Math.floor(group / perBlock);
  const hasMetaGroups = (sb.features.incompat & INCOMPAT.META_BG) !== 0;
  if (hasMetaGroups && metaGroup >= sb.firstMetaBlockGroup) {
    const place = group % perBlock;
    return boot + own + (place <= 1 || place === perBlock - 1 ? 1 : 0);
  }
  return boot + (own ? 1 + sb.firstMetaBlockGroup + sb.reservedDescriptorBlocks : 0);
}
