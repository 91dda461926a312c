/** The backup boot sector of FAT32: fatgen103, section "FAT32 FSInfo Sector Structure and Backup Boot Sector". */
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import type { FatGeometry } from './boot-sector.ts';

const SECTOR_BYTES = 512;
const SIGNATURE_AT = 510;
/** What says where everything is, between the numbers of a disk's geometry of old: sizes and counts, the length, what FAT32 has. */
const GEOMETRY: readonly [start: number, end: number][] = [
  [11, 24],
  [32, 48],
];

/**
 * Labels, numbers, boot code and marks of a mounted volume may differ: drivers write them into the first sector alone.
 * @returns `equal` also where there is none: some formatters leave it out
 * @throws EngineError `READ_FAILED`
 */
export async function compareBackup(
  volume: BlockSource,
  { backupBootBytes }: FatGeometry,
): Promise<'equal' | 'damaged' | 'of another volume'> {
  if (backupBootBytes === 0 || backupBootBytes + SECTOR_BYTES > volume.lengthBytes) return 'equal';
  const first = await readBytes(volume, 0, SECTOR_BYTES);
  const backup = await readBytes(volume, backupBootBytes, SECTOR_BYTES);
  if (backup.every((byte) => byte === 0)) return 'equal';
  if (backup.readUInt16LE(SIGNATURE_AT) !== 0xaa55) return 'damaged';
  const isEqual = GEOMETRY.every(([start, end]) => first.subarray(start, end).equals(backup.subarray(start, end)));
  return isEqual ? 'equal' : 'of another volume';
}
