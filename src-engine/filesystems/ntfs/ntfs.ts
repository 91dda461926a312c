/** NTFS: recognised by the boot sector and $MFT; used clusters are told by $Bitmap. */
import type { Warning } from '../../contract/warnings.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readCache } from '../../disk/read-cache.ts';
import { joinTouching, wholeVolume } from '../extents.ts';
import type { FileSystem } from '../file-system.port.ts';
import { readBootSector } from './boot-sector.ts';
import { compareCopies } from './copies.ts';
import { readVolumeInformation, stateWarnings } from './health.ts';
import { openMft } from './mft.ts';
import { openNtfs } from './tree.ts';
import { usedClusters } from './used.ts';

/** Kept as long as the file system is known; whoever looks at its files gets a larger one. */
const RECOGNITION_CACHE_BYTES = 1024 * 1024;

/**
 * The bitmap is only believed of a volume that was dismounted cleanly: otherwise what is newest may stand in $LogFile alone, or
 * in the memory of a Windows that sleeps; and of one whose copies of what tells where everything is agree. Others are captured
 * whole; their files are shown as they are on the disk.
 * @throws EngineError `FORMAT_INVALID`, `FORMAT_UNSUPPORTED` for a version that is not known, `READ_FAILED`
 */
export async function recogniseNtfs(volume: BlockSource): Promise<FileSystem | null> {
  const geometry = await readBootSector(volume);
  if (!geometry) return null;
  const ntfs = await openMft(readCache(volume, RECOGNITION_CACHE_BYTES), geometry);
  const information = await readVolumeInformation(ntfs);
  const tree = await openNtfs(ntfs);

  const { backupBootBytes, sectorBytes, clusterBytes, uuid } = geometry;
  // a volume that ends where the copy of the boot sector should stand lacks nothing but that
  const hasCopy = backupBootBytes !== volume.lengthBytes;
  const lengthBytes = backupBootBytes + (hasCopy ? sectorBytes : 0);
  const doubts: Warning[] = [];
  if (lengthBytes > volume.lengthBytes) {
    doubts.push({ code: 'FILESYSTEM_TRUNCATED', data: { lengthBytes, volumeBytes: volume.lengthBytes } });
  }
  doubts.push(...(await stateWarnings(ntfs, tree, information)));
  const copies = await compareCopies(ntfs);
  const isCertain = doubts.length === 0 && copies.isCertain;
  return {
    kind: 'ntfs',
    label: information.label,
    uuid,
    blockBytes: clusterBytes,
    lengthBytes,
    recordedBytes: geometry.clusterCount * clusterBytes,
    captureAs: isCertain ? 'used-blocks' : 'whole',
    warnings: [...doubts, ...copies.warnings],
    used: (signal) => (isCertain ? joinTouching(usedClusters(ntfs, signal)) : wholeVolume(volume)),
    browse: async () => openNtfs(await openMft(readCache(volume), geometry)),
  };
}
