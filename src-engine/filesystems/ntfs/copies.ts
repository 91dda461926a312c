/**
 * What NTFS keeps twice: the first records of $MFT, in $MFTMirr, and the boot sector, behind the last cluster. Linux-NTFS, "NTFS
 * Documentation", chapters "$MFTMirr" and "$Boot".
 */
import type { Warning } from '../../contract/warnings.ts';
import { EngineError } from '../../core/engine-error.ts';
import { readBytes } from '../../disk/read.ts';
import { applyFixups } from './fixups.ts';
import type { NtfsVolume } from './records.ts';

/** $MFT, $MFTMirr, $LogFile, $Volume: there is room for more where clusters are large, and drivers compare no more. */
const MIRRORED_RECORDS = 4;
const USA_OFFSET_AT = 4;
const USA_COUNT_AT = 6;
const BYTES_IN_USE_AT = 24;

const BOOT_SECTOR_BYTES = 512;
const OEM_ID = 'NTFS    ';
/** Of a boot sector, what says where everything is: bytes per sector and per cluster; length, $MFT, $MFTMirr, sizes of records. */
const GEOMETRY: readonly [start: number, end: number][] = [
  [11, 14],
  [40, 72],
];

export interface Copies {
  readonly warnings: readonly Warning[];
  /** none tells of other places than its original: what is read of the volume is what other programs read */
  readonly isCertain: boolean;
}

/** @throws EngineError `READ_FAILED` */
export async function compareCopies(ntfs: NtfsVolume): Promise<Copies> {
  const isMirrorEqual = await compareMirror(ntfs);
  const boot = await compareBootSectors(ntfs);
  const tables = [...(isMirrorEqual ? [] : ['$MFT']), ...(boot === 'equal' ? [] : ['boot sector'])];
  return {
    warnings: tables.map((table) => ({ code: 'FILESYSTEM_COPIES_DIFFER', data: { table } })),
    isCertain: isMirrorEqual && boot !== 'of another volume',
  };
}

/** Whether the records in $MFTMirr say what those of $MFT say, as drivers want to see it before they mount. */
async function compareMirror({ source, geometry, mft }: NtfsVolume): Promise<boolean> {
  const { recordBytes, clusterBytes, mftMirrLcn } = geometry;
  const lengthBytes = MIRRORED_RECORDS * recordBytes;
  const startBytes = mftMirrLcn * clusterBytes;
  if (startBytes === 0 || startBytes + lengthBytes > source.lengthBytes) return false;
  const mirror = await readBytes(source, startBytes, lengthBytes);
  const records = Buffer.alloc(lengthBytes);
  await mft.readInto(0, records);
  for (let at = 0; at < lengthBytes; at += recordBytes) {
    const record = records.subarray(at, at + recordBytes);
    // whoever needs one that is damaged finds out
    if (isWhole(record) && !isSame(record, mirror.subarray(at, at + recordBytes))) return false;
  }
  return true;
}

/** Compares what is in use of two records; the numbers that tell whether they were written whole may differ. */
function isSame(record: Buffer, mirror: Buffer): boolean {
  if (!isWhole(mirror)) return false;
  const used = (bytes: Buffer) => {
    const usaAt = bytes.readUInt16LE(USA_OFFSET_AT);
    bytes.fill(0, usaAt, usaAt + 2 * bytes.readUInt16LE(USA_COUNT_AT));
    return bytes.subarray(0, bytes.readUInt32LE(BYTES_IN_USE_AT));
  };
  return used(record).equals(used(mirror));
}

function isWhole(record: Buffer): boolean {
  try {
    applyFixups(record, 'FILE');
    return true;
  } catch (error) {
    if (error instanceof EngineError && error.code === 'FORMAT_INVALID') return false;
    throw error;
  }
}

/** Boot code and what drivers do not read may differ; there is none where a volume ends with its last cluster. */
async function compareBootSectors({
  source,
  geometry,
}: NtfsVolume): Promise<'equal' | 'damaged' | 'of another volume'> {
  const { backupBootBytes } = geometry;
  if (backupBootBytes + BOOT_SECTOR_BYTES > source.lengthBytes) return 'equal';
  const first = await readBytes(source, 0, BOOT_SECTOR_BYTES);
  const backup = await readBytes(source, backupBootBytes, BOOT_SECTOR_BYTES);
  if (backup.every((byte) => byte === 0)) return 'equal';
  if (backup.toString('latin1', 3, 11) !== OEM_ID) return 'damaged';
  const isEqual = GEOMETRY.every(([start, end]) => first.subarray(start, end).equals(backup.subarray(start, end)));
  return isEqual ? 'equal' : 'of another volume';
}
