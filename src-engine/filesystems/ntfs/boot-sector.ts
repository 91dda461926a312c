/**
 * The boot sector of NTFS: Microsoft, "NTFS Technical Reference" (Windows Server 2003 Resource Kit), section "NTFS Boot Sector",
 * and Linux-NTFS, "NTFS Documentation", chapter "$Boot".
 */
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import { struct, text, u16le, u64le, u8 } from '../../core/struct.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';

const BOOT_SECTOR_BYTES = 512;
const OEM_ID = 'NTFS    ';

const layout = struct(BOOT_SECTOR_BYTES, {
  oemId: text(3, 8),
  bytesPerSector: u16le(0x0b),
  sectorsPerCluster: u8(0x0d),
  numberOfSectors: u64le(0x28),
  mftLcn: u64le(0x30),
  mftMirrLcn: u64le(0x38),
  clustersPerMftRecord: u8(0x40),
  serialNumber: u64le(0x48),
});

/** What Windows 10 formats at most. */
const CLUSTER_BYTES_MAX = 2 * 1024 * 1024;
const RECORD_BYTES_MIN = 512;
const RECORD_BYTES_MAX = 65_536;

/** Where everything is, after every number has been checked. */
export interface NtfsGeometry {
  readonly sectorBytes: number;
  readonly clusterBytes: number;
  /** whole clusters: what the bitmap knows of */
  readonly clusterCount: number;
  /** up to the copy of the boot sector, which stands in the last sector and is not counted in it */
  readonly backupBootBytes: number;
  readonly mftLcn: number;
  /** as the boot sector has it: may lie outside of the volume */
  readonly mftMirrLcn: number;
  readonly recordBytes: number;
  /** the serial number as blkid prints it: 16 digits */
  readonly uuid: string;
}

const isPowerOfTwo = (n: number) => n > 0 && (n & (n - 1)) === 0;

/**
 * @returns null where this is no boot sector of NTFS
 * @throws EngineError `FORMAT_INVALID` for one whose numbers cannot be
 */
export async function readBootSector(volume: BlockSource): Promise<NtfsGeometry | null> {
  if (volume.lengthBytes < BOOT_SECTOR_BYTES) return null;
  const b = layout.read(await readBytes(volume, 0, BOOT_SECTOR_BYTES));
  if (b.oemId !== OEM_ID) return null;

  const sectorBytes = powerOfTwo('bytes per sector', b.bytesPerSector, 256, 4096);
  // more than 128 sectors do not fit: the negative power of two stands for them
  const sectorsPerCluster = b.sectorsPerCluster > 0x80 ? 2 ** (256 - b.sectorsPerCluster) : b.sectorsPerCluster;
  powerOfTwo('sectors per cluster', sectorsPerCluster, 1, CLUSTER_BYTES_MAX / sectorBytes);
  const clusterBytes = sectorBytes * sectorsPerCluster;
  const sectorCount = checkRange(
    'number of sectors',
    Number(b.numberOfSectors),
    sectorsPerCluster,
    Math.floor(Number.MAX_SAFE_INTEGER / sectorBytes) - 1,
  );
  const clusterCount = Math.floor(sectorCount / sectorsPerCluster);

  return {
    sectorBytes,
    clusterBytes,
    clusterCount,
    backupBootBytes: sectorCount * sectorBytes,
    mftLcn: checkRange('first cluster of $MFT', Number(b.mftLcn), 1, clusterCount - 1),
    mftMirrLcn: Number(b.mftMirrLcn),
    recordBytes: recordBytes(b.clustersPerMftRecord, clusterBytes),
    uuid: b.serialNumber.toString(16).toUpperCase().padStart(16, '0'),
  };
}

/** Clusters, or a negative power of two that stands for bytes. */
function recordBytes(clustersPerRecord: number, clusterBytes: number): number {
  const bytes = clustersPerRecord < 0x80 ? clustersPerRecord * clusterBytes : 2 ** (256 - clustersPerRecord);
  return powerOfTwo('size of an MFT record', bytes, RECORD_BYTES_MIN, RECORD_BYTES_MAX);
}

function powerOfTwo(what: string, value: number, min: number, max: number): number {
  checkRange(what, value, min, max);
  if (!isPowerOfTwo(value)) throw new EngineError('FORMAT_INVALID', { field: what, value: String(value) });
  return value;
}
