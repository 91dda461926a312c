/** btrfs on one device: recognised by its superblock; used blocks are told by the extent tree. */
import type { Warning } from '../../contract/warnings.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readCache } from '../../disk/read-cache.ts';
import { joinTouching, wholeVolume } from '../extents.ts';
import type { FileSystem } from '../file-system.port.ts';
import { uuidText } from '../uuid.ts';
import { openTree } from './file-tree.ts';
import { readSuperblock } from './superblock.ts';
import { usedExtents } from './used.ts';
import { openVolume } from './volume.ts';

/**
 * The trees on the disk always fit together: each change is a new tree. What a program made sure of by fsync after the last of
 * them is in the log, whose blocks the extent tree does not list: with a log, the volume is captured whole.
 * @throws EngineError `FORMAT_INVALID`; `FORMAT_UNSUPPORTED` for several devices, stripes, and features not known here
 */
export async function recogniseBtrfs(volume: BlockSource): Promise<FileSystem | null> {
  const sb = await readSuperblock(volume);
  if (!sb) return null;
  const { deviceBytes: lengthBytes } = sb;
  const warnings: Warning[] = [];
  if (lengthBytes > volume.lengthBytes) {
    warnings.push({ code: 'FILESYSTEM_TRUNCATED', data: { lengthBytes, volumeBytes: volume.lengthBytes } });
    // what cannot be read is told at once, not at the first look at it
  } else await openVolume(readCache(volume), sb);
  if (sb.isFirstStale) warnings.push({ code: 'CHECKSUM_MISMATCH', data: { checksum: 'superblock' } });
  if (sb.hasLog) warnings.push({ code: 'JOURNAL_NOT_CLEAN', data: {} });
  if (sb.hasErrors) warnings.push({ code: 'FILESYSTEM_HAS_ERRORS', data: {} });
  const isWhole = warnings.length > 0;
  return {
    kind: 'btrfs',
    label: sb.label,
    uuid: uuidText(sb.fsid),
    blockBytes: sb.sectorBytes,
    lengthBytes,
    captureAs: isWhole ? 'whole' : 'used-blocks',
    warnings,
    used: (signal) => (isWhole ? wholeVolume(volume) : joinTouching(used(signal))),
    browse: async () => openTree(await openVolume(readCache(volume), sb)),
  };

  async function* used(signal: AbortSignal) {
    yield* usedExtents(await openVolume(readCache(volume), sb!), lengthBytes, signal);
  }
}
