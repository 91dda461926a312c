/** Which blocks of an XFS file system are used: all that its trees of free space do not name. */
import { EngineError } from '../../core/engine-error.ts';
import type { BlockSource, Extent } from '../../disk/block-source.port.ts';
import { addressOfInode, agBlockCount, agBlockOffset, blockOffset } from './addresses.ts';
import { freeRuns } from './free-space.ts';
import { readGroupHeader } from './group-header.ts';
import type { XfsSuperblock } from './superblock.ts';

/**
 * Headers of groups (the backups of the superblock among them), trees, inodes and the log are in no tree of free space, so they
 * are used; and so is the free list, which xfs_repair and the kernel expect to find as it is.
 * @yields the used bytes, a batch for each leaf of a tree
 * @throws EngineError `FORMAT_INVALID` where a header or a tree cannot be trusted
 */
export async function* usedBlocks(
  volume: BlockSource,
  sb: XfsSuperblock,
  signal: AbortSignal,
): AsyncGenerator<Extent[]> {
  const logStart = blockOffset(sb, 'sb_logstart', sb.logStart, sb.logBlocks);
  const logEnd = logStart + sb.logBlocks * sb.blockBytes;
  const root = addressOfInode(sb, sb.rootInode);
  let freeBlocks = 0;
  for (let ag = 0; ag < sb.agCount; ag++) {
    signal.throwIfAborted();
    let usedFrom = agBlockOffset(sb, ag, 0);
    const header = await readGroupHeader(volume, sb, ag);
    freeBlocks += header.freeBlocks + header.listBlocks + header.treeBlocks;
    for await (const runs of freeRuns(volume, sb, ag, header, ag === root.ag ? [root.block] : [], signal)) {
      const used: Extent[] = [];
      for (const { first, count } of runs) {
        const freeFrom = agBlockOffset(sb, ag, first);
        const freeEnd = agBlockOffset(sb, ag, first + count);
        if (freeFrom < logEnd && freeEnd > logStart) {
          throw new EngineError('FORMAT_INVALID', { field: 'ar_startblock', value: 'inside the log' });
        }
        if (freeFrom > usedFrom) used.push({ startBytes: usedFrom, lengthBytes: freeFrom - usedFrom });
        usedFrom = freeEnd;
      }
      if (used.length > 0) yield used;
    }
    const endBytes = agBlockOffset(sb, ag, agBlockCount(sb, ag));
    if (endBytes > usedFrom) yield [{ startBytes: usedFrom, lengthBytes: endBytes - usedFrom }];
  }
  if (freeBlocks !== sb.freeBlockCount) {
    throw new EngineError('FORMAT_INVALID', { field: 'sb_fdblocks', value: String(sb.freeBlockCount), freeBlocks });
  }
}
