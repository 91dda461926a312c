/** The boot regions of exFAT: Microsoft, "exFAT file system specification", section 3. */
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import { raw, struct, u16le, u32le, u64le, u8 } from '../../core/struct.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';

const BOOT_SECTOR_BYTES = 512;

const layout = struct(BOOT_SECTOR_BYTES, {
  JumpBoot: raw(0, 3),
  FileSystemName: raw(3, 8),
  MustBeZero: raw(11, 53),
  VolumeLength: u64le(72),
  FatOffset: u32le(80),
  FatLength: u32le(84),
  ClusterHeapOffset: u32le(88),
  ClusterCount: u32le(92),
  FirstClusterOfRootDirectory: u32le(96),
  VolumeSerialNumber: u32le(100),
  FileSystemRevision: u16le(104),
  VolumeFlags: u16le(106),
  BytesPerSectorShift: u8(108),
  SectorsPerClusterShift: u8(109),
  NumberOfFats: u8(110),
  BootSignature: u16le(510),
});

/** Sectors of a region; the last one holds the checksum of the others. The backup follows the main one. */
const REGION_SECTORS = 12;
/** VolumeFlags and PercentInUse change while the volume is mounted: the checksum leaves them out. */
const NOT_SUMMED = new Set([106, 107, 112]);

/** What says where everything is: from the length to the root directory; sizes of sectors and clusters, the number of FATs. */
const GEOMETRY: readonly [start: number, end: number][] = [
  [72, 100],
  [108, 111],
];

const FLAG = { ACTIVE_FAT: 1, DIRTY: 2, MEDIA_FAILURE: 4 } as const;
const CLUSTERS_MAX = 2 ** 32 - 11;

/** Where everything is, after every number has been checked. */
export interface ExfatGeometry {
  readonly sectorBytes: number;
  readonly clusterBytes: number;
  readonly lengthBytes: number;
  /** the FAT that is in use: of TexFAT's two, the active one */
  readonly fatStartBytes: number;
  readonly fatBytes: number;
  /** 0 or 1: which FAT and which allocation bitmap are in use */
  readonly active: number;
  /** where cluster 2, the first one, begins */
  readonly heapStartBytes: number;
  readonly clusterCount: number;
  readonly rootCluster: number;
  /** serial number as XXXX-XXXX */
  readonly uuid: string;
  readonly isDirty: boolean;
  readonly hasMediaFailure: boolean;
  /** whether the checksum of the backup boot region is right */
  readonly isBackupSound: boolean;
  /** whether a sound backup says of every place what the main region says */
  readonly isBackupAlike: boolean;
}

/**
 * @returns null where this is no exFAT
 * @throws EngineError `FORMAT_INVALID` for one whose numbers contradict each other or whose checksum is wrong,
 *   `FORMAT_UNSUPPORTED` for another revision
 */
export async function readBootRegion(volume: BlockSource): Promise<ExfatGeometry | null> {
  if (volume.lengthBytes < BOOT_SECTOR_BYTES) return null;
  const b = layout.read(await readBytes(volume, 0, BOOT_SECTOR_BYTES));
  if (b.FileSystemName.toString('latin1') !== 'EXFAT   ' || b.MustBeZero.some((byte) => byte !== 0)) return null;
  checkRange('BootSignature', b.BootSignature, 0xaa55, 0xaa55);
  checkRange('JumpBoot', b.JumpBoot.readUIntBE(0, 3), 0xeb7690, 0xeb7690);
  if (b.FileSystemRevision >>> 8 !== 1) {
    throw new EngineError('FORMAT_UNSUPPORTED', { feature: `exFAT revision ${b.FileSystemRevision >>> 8}` });
  }
  const sectorBytes = 2 ** checkRange('BytesPerSectorShift', b.BytesPerSectorShift, 9, 12);
  if (!(await isSound(volume, 0, sectorBytes))) throw new EngineError('FORMAT_INVALID', { checksum: 'boot region' });
  const isBackupSound = await isSound(volume, REGION_SECTORS, sectorBytes);
  return {
    ...geometry(b, sectorBytes),
    uuid: idText(b.VolumeSerialNumber),
    isDirty: (b.VolumeFlags & FLAG.DIRTY) !== 0,
    hasMediaFailure: (b.VolumeFlags & FLAG.MEDIA_FAILURE) !== 0,
    isBackupSound,
    isBackupAlike: !isBackupSound || (await isBackupAlike(volume, sectorBytes)),
  };
}

function geometry(b: ReturnType<typeof layout.read>, sectorBytes: number) {
  const sectors = Number(b.VolumeLength);
  checkRange('VolumeLength', sectors, 1, Math.floor(Number.MAX_SAFE_INTEGER / sectorBytes));
  const sectorsPerCluster =
    2 ** checkRange('SectorsPerClusterShift', b.SectorsPerClusterShift, 0, 25 - b.BytesPerSectorShift);
  const fatCount = checkRange('NumberOfFats', b.NumberOfFats, 1, 2);
  const active = checkRange('VolumeFlags', b.VolumeFlags & FLAG.ACTIVE_FAT, 0, fatCount - 1);
  const heapSector = checkRange('ClusterHeapOffset', b.ClusterHeapOffset, 2 * REGION_SECTORS, sectors);
  const clusterCount = checkRange('ClusterCount', b.ClusterCount, 1, CLUSTERS_MAX);
  checkRange('ClusterCount', heapSector + clusterCount * sectorsPerCluster, heapSector, sectors);
  const fatSectors = Math.ceil(((clusterCount + 2) * 4) / sectorBytes);
  checkRange('FatLength', b.FatLength, fatSectors, 2 ** 32);
  checkRange('FatOffset', b.FatOffset, 2 * REGION_SECTORS, heapSector - fatCount * b.FatLength);
  return {
    sectorBytes,
    clusterBytes: sectorsPerCluster * sectorBytes,
    lengthBytes: sectors * sectorBytes,
    fatStartBytes: (b.FatOffset + active * b.FatLength) * sectorBytes,
    fatBytes: b.FatLength * sectorBytes,
    active,
    heapStartBytes: heapSector * sectorBytes,
    clusterCount,
    rootCluster: checkRange('FirstClusterOfRootDirectory', b.FirstClusterOfRootDirectory, 2, clusterCount + 1),
  };
}

/** Whether the checksum sector of a region holds nothing but the sum of the others. */
async function isSound(volume: BlockSource, firstSector: number, sectorBytes: number): Promise<boolean> {
  const startBytes = firstSector * sectorBytes;
  if (startBytes + REGION_SECTORS * sectorBytes > volume.lengthBytes) return false;
  const region = await readBytes(volume, startBytes, REGION_SECTORS * sectorBytes);
  const sum = bootChecksum(region.subarray(0, -sectorBytes));
  for (let at = region.length - sectorBytes; at < region.length; at += 4) {
    if (region.readUInt32LE(at) !== sum) return false;
  }
  return true;
}

async function isBackupAlike(volume: BlockSource, sectorBytes: number): Promise<boolean> {
  const main = await readBytes(volume, 0, BOOT_SECTOR_BYTES);
  const backup = await readBytes(volume, REGION_SECTORS * sectorBytes, BOOT_SECTOR_BYTES);
  return GEOMETRY.every(([start, end]) => main.subarray(start, end).equals(backup.subarray(start, end)));
}

/** @param sectors all of a boot region but the sector of the checksum */
export function bootChecksum(sectors: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < sectors.length; i++) {
    if (!NOT_SUMMED.has(i)) sum = (((sum << 31) | (sum >>> 1)) + sectors[i]) >>> 0;
  }
  return sum;
}

function idText(id: number): string {
  const hex = id.toString(16).toUpperCase().padStart(8, '0');
  return `${hex.slice(0, 4)}-${hex.slice(4)}`;
}
