/** FAT12, FAT16 and FAT32: recognised by the boot sector and the first FAT; used clusters are told by the FATs. */
import type { Warning } from '../../contract/warnings.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import { joinTouching, wholeVolume } from '../extents.ts';
import type { FileSystem } from '../file-system.port.ts';
import { compareBackup } from './backup-boot-sector.ts';
import { checkFirstEntry, readBootSector, type FatGeometry } from './boot-sector.ts';
import { readLabel } from './label.ts';
import { entryAt, volumeState } from './table.ts';
import { openFat } from './tree.ts';
import { usedClusters } from './used.ts';

const KINDS = { 12: 'fat12', 16: 'fat16', 32: 'fat32' } as const;

/**
 * A volume that was not unmounted cleanly is still captured by its FATs: they alone say what belongs to a file, there is
 * nothing to recover from. The reserved sectors hold the FSInfo sector, which nothing here relies on, and the backup boot sector
 * of FAT32: where that tells of another volume, nobody knows which of the two is right.
 * @throws EngineError `FORMAT_INVALID` where the boot sector contradicts itself or the FAT
 */
export async function recogniseFat(volume: BlockSource): Promise<FileSystem | null> {
  const geometry = await readBootSector(volume);
  if (!geometry) return null;
  const isTruncated = geometry.lengthBytes > volume.lengthBytes;
  const firstEntries = await readBytes(volume, geometry.fatStartBytes, 8);
  checkFirstEntry(geometry, firstEntries[0]);
  const warnings = stateWarnings(geometry, firstEntries);
  if (isTruncated) {
    const data = { lengthBytes: geometry.lengthBytes, volumeBytes: volume.lengthBytes };
    warnings.unshift({ code: 'FILESYSTEM_TRUNCATED', data });
  }
  const copy = await compareBackup(volume, geometry);
  if (copy !== 'equal') warnings.push({ code: 'FILESYSTEM_COPIES_DIFFER', data: { table: 'boot sector' } });
  const isCertain = !isTruncated && copy !== 'of another volume';
  return {
    kind: KINDS[geometry.entryBits],
    label: isTruncated ? geometry.bootLabel : await readLabel(volume, geometry),
    uuid: geometry.uuid,
    blockBytes: geometry.clusterBytes,
    lengthBytes: geometry.lengthBytes,
    recordedBytes: geometry.dataStartBytes + geometry.clusterCount * geometry.clusterBytes,
    captureAs: isCertain ? 'used-blocks' : 'whole',
    warnings,
    used: (signal, tell) =>
      isCertain ? joinTouching(usedClusters(volume, geometry, signal, tell)) : wholeVolume(volume),
    browse: () => openFat(volume, geometry),
  };
}

/** Drivers mark a mounted volume in the boot sector (Linux) or in entry 1 of the FAT (Windows). */
function stateWarnings(geometry: FatGeometry, firstEntries: Buffer): Warning[] {
  const { isClean, hasErrors } = volumeState(geometry.entryBits, entryAt(geometry.entryBits, firstEntries, 1));
  const warnings: Warning[] = [];
  if (!isClean || geometry.state & 1) warnings.push({ code: 'FILESYSTEM_NOT_CLEAN', data: {} });
  if (hasErrors || geometry.state & 2) warnings.push({ code: 'FILESYSTEM_HAS_ERRORS', data: {} });
  return warnings;
}
