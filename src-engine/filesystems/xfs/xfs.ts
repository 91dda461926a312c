/** XFS, versions 4 and 5: recognised by the superblock; used blocks are what the trees of free space do not name. */
import type { Warning } from '../../contract/warnings.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { joinTouching, wholeVolume } from '../extents.ts';
import type { FileSystem } from '../file-system.port.ts';
import { uuidText } from '../uuid.ts';
import { isLogClean } from './log.ts';
import { readSuperblock } from './superblock.ts';
import { openTree } from './tree.ts';
import { usedBlocks } from './used.ts';

/**
 * The trees of free space are only believed of a file system that was unmounted: what the log of another one still holds, or
 * what xfs_repair must do first, may change them. Such a volume is captured whole, and the warnings say why. Its files are
 * shown as they are on the disk.
 * @throws EngineError `FORMAT_INVALID`, `FORMAT_UNSUPPORTED`: see {@link readSuperblock}
 */
export async function recogniseXfs(volume: BlockSource): Promise<FileSystem | null> {
  const sb = await readSuperblock(volume);
  if (!sb) return null;
  const lengthBytes = sb.blockCount * sb.blockBytes;
  const doubts: Warning[] = [];
  if (lengthBytes > volume.lengthBytes) {
    doubts.push({ code: 'FILESYSTEM_TRUNCATED', data: { lengthBytes, volumeBytes: volume.lengthBytes } });
  } else if (!(await isLogClean(volume, sb))) {
    doubts.push({ code: 'JOURNAL_NOT_CLEAN', data: {} });
  }
  if (sb.features.needsRepair) doubts.push({ code: 'FILESYSTEM_HAS_ERRORS', data: {} });
  const isCertain = doubts.length === 0;
  return {
    kind: 'xfs',
    label: sb.label,
    uuid: uuidText(sb.uuid),
    blockBytes: sb.blockBytes,
    lengthBytes,
    captureAs: isCertain ? 'used-blocks' : 'whole',
    warnings: doubts,
    used: (signal) => (isCertain ? joinTouching(usedBlocks(volume, sb, signal)) : wholeVolume(volume)),
    browse: () => openTree(volume, sb),
  };
}
