/** exFAT: recognised by the boot region; used clusters are told by the allocation bitmap. */
import type { Warning } from '../../contract/warnings.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readCache } from '../../disk/read-cache.ts';
import { joinTouching, wholeVolume } from '../extents.ts';
import type { FileSystem } from '../file-system.port.ts';
import { readBootRegion, type ExfatGeometry } from './boot-region.ts';
import { readRootEntries } from './root-entries.ts';
import { openExfat } from './tree.ts';
import { usedClusters } from './used.ts';

/**
 * The bitmap stands apart from the files, and most files are not in the FAT: of a volume that is marked dirty, nothing tells for
 * certain that what the bitmap calls free belongs to no file. It is captured whole.
 * @throws EngineError `FORMAT_INVALID`, `FORMAT_UNSUPPORTED`: see {@link readBootRegion}, {@link readRootEntries}
 */
export async function recogniseExfat(volume: BlockSource): Promise<FileSystem | null> {
  const geometry = await readBootRegion(volume);
  if (!geometry) return null;
  const fs = { view: readCache(volume), geometry };
  const isTruncated = geometry.lengthBytes > volume.lengthBytes;
  const isCertain = !isTruncated && !geometry.isDirty && geometry.isBackupAlike;
  const root = isTruncated ? null : await readRootEntries(fs);
  return {
    kind: 'exfat',
    label: root?.label ?? '',
    uuid: geometry.uuid,
    blockBytes: geometry.clusterBytes,
    lengthBytes: geometry.lengthBytes,
    recordedBytes: geometry.heapStartBytes + geometry.clusterCount * geometry.clusterBytes,
    captureAs: isCertain ? 'used-blocks' : 'whole',
    warnings: warningsOf(geometry, volume),
    used: (signal) => (isCertain && root ? joinTouching(usedClusters(fs, root, signal)) : wholeVolume(volume)),
    browse: () => openExfat(fs),
  };
}

function warningsOf(geometry: ExfatGeometry, volume: BlockSource): Warning[] {
  const { lengthBytes } = geometry;
  const warnings: Warning[] = [];
  if (lengthBytes > volume.lengthBytes) {
    warnings.push({ code: 'FILESYSTEM_TRUNCATED', data: { lengthBytes, volumeBytes: volume.lengthBytes } });
  }
  if (geometry.isDirty) warnings.push({ code: 'FILESYSTEM_NOT_CLEAN', data: {} });
  if (geometry.hasMediaFailure) warnings.push({ code: 'FILESYSTEM_HAS_ERRORS', data: {} });
  if (!geometry.isBackupSound) warnings.push({ code: 'CHECKSUM_MISMATCH', data: { checksum: 'backup boot region' } });
  if (!geometry.isBackupAlike) warnings.push({ code: 'FILESYSTEM_COPIES_DIFFER', data: { table: 'boot region' } });
  return warnings;
}
