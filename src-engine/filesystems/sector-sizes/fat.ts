/**
 * FAT counts in the sectors of its disk: its boot sector says how large they are, and drivers refuse others. Where all of its
 * parts are whole sectors of the other size, the boot sector can be rewritten, and no cluster moves. Microsoft, "FAT: General
 * Overview of On-Disk Format" 1.03, sections "Boot Sector and BPB" and "FAT32 FSInfo Sector Structure".
 */
import { struct, u16le, u32le, u8 } from '../../core/struct.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import { AS_IT_IS, impossible, type SectorMove, type VolumePatch } from './sector-move.port.ts';

const RECORD_BYTES = 512;
const bootStruct = struct(RECORD_BYTES, {
  bytsPerSec: u16le(11),
  secPerClus: u8(13),
  rsvdSecCnt: u16le(14),
  rootEntCnt: u16le(17),
  totSec16: u16le(19),
  fatSz16: u16le(22),
  hiddSec: u32le(28),
  totSec32: u32le(32),
  fatSz32: u32le(36),
  fsInfo: u16le(48),
  bkBootSec: u16le(50),
});
type Boot = ReturnType<typeof bootStruct.read>;

/** Sectors of a FAT32 before its FATs that are known by their numbers: boot sector, FSInfo, and copies of both. */
interface Places {
  readonly fsInfo: number;
  readonly backup: number;
}
/** Where the specification wants them, and where they are put if there is less room. */
const USUAL_PLACES: Places = { fsInfo: 1, backup: 6 };
const TIGHT_PLACES: Places = { fsInfo: 1, backup: 2 };
const NONE = [0, 0xffff];

const MAX_CLUSTER_SECTORS = 128;
const MISFIT = impossible('its FAT has parts that are no whole sectors of that size');

/** @param volume a FAT12, FAT16 or FAT32 @throws EngineError `READ_FAILED` */
export async function moveFat(volume: BlockSource, toSectorBytes: number): Promise<SectorMove> {
  const record = await readBytes(volume, 0, RECORD_BYTES);
  const boot = bootStruct.read(record);
  const fromSectorBytes = boot.bytsPerSec;
  if (fromSectorBytes === toSectorBytes) return AS_IT_IS;
  const scaled = scale(boot, fromSectorBytes, toSectorBytes);
  if (!scaled) return MISFIT;
  const isFat32 = boot.fatSz16 === 0;
  if (!isFat32) {
    bootStruct.write(record, scaled);
    return { isPossible: true, patches: [{ offsetBytes: 0, bytes: padded(record, toSectorBytes) }] };
  }
  const places = scaled.rsvdSecCnt > USUAL_PLACES.backup + 1 ? USUAL_PLACES : TIGHT_PLACES;
  if (scaled.rsvdSecCnt <= places.backup + 1) return MISFIT;
  const hasInfo = !NONE.includes(boot.fsInfo) && boot.fsInfo < boot.rsvdSecCnt;
  if (volume.lengthBytes < boot.rsvdSecCnt * fromSectorBytes) return MISFIT;
  const hasBackup = !NONE.includes(boot.bkBootSec);
  bootStruct.write(record, {
    ...scaled,
    fsInfo: hasInfo ? places.fsInfo : boot.fsInfo,
    bkBootSec: hasBackup ? places.backup : boot.bkBootSec,
  });
  const info = hasInfo ? await readBytes(volume, boot.fsInfo * fromSectorBytes, RECORD_BYTES) : null;
  return { isPossible: true, patches: reservedSectors(record, info, hasBackup ? places.backup : null, toSectorBytes) };
}

/** @returns the counts in sectors of the other size; null where one of them would not be whole, or has no room */
function scale(boot: Boot, fromSectorBytes: number, toSectorBytes: number): Omit<Boot, 'fsInfo' | 'bkBootSec'> | null {
  const sectors = (count: number) => (count * fromSectorBytes) / toSectorBytes;
  // what is left over of the last cluster is nobody's
  const total = Math.floor(sectors(boot.totSec16 || boot.totSec32));
  const scaled = {
    bytsPerSec: toSectorBytes,
    secPerClus: sectors(boot.secPerClus),
    rsvdSecCnt: sectors(boot.rsvdSecCnt),
    rootEntCnt: boot.rootEntCnt,
    totSec16: boot.totSec16 > 0 && total <= 0xffff ? total : 0,
    fatSz16: sectors(boot.fatSz16),
    hiddSec: Math.min(Math.floor(sectors(boot.hiddSec)), 0xffffffff),
    totSec32: boot.totSec16 > 0 && total <= 0xffff ? 0 : total,
    fatSz32: boot.fatSz16 === 0 ? sectors(boot.fatSz32) : boot.fatSz32,
  };
  const isWhole = Object.values(scaled).every(Number.isInteger) && (boot.rootEntCnt * 32) % toSectorBytes === 0;
  const hasRoom =
    scaled.secPerClus <= MAX_CLUSTER_SECTORS &&
    scaled.rsvdSecCnt <= 0xffff &&
    scaled.fatSz16 <= 0xffff &&
    Math.max(scaled.fatSz32, scaled.totSec32) <= 0xffffffff;
  return isWhole && hasRoom ? scaled : null;
}

/** Boot sector, FSInfo and their copies; what stood between them, boot code for a BIOS, cannot run from such sectors. */
function reservedSectors(
  record: Buffer,
  info: Buffer | null,
  backup: number | null,
  sectorBytes: number,
): VolumePatch[] {
  const places = [0, ...(backup === null ? [] : [backup])];
  return places.map((sector) => ({
    offsetBytes: sector * sectorBytes,
    bytes: Buffer.concat([padded(record, sectorBytes), padded(info ?? Buffer.alloc(0), sectorBytes)]),
  }));
}

function padded(bytes: Buffer, sectorBytes: number): Buffer {
  const sector = Buffer.alloc(sectorBytes);
  bytes.copy(sector);
  return sector;
}
