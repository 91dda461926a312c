/**
 * The boot sector of FAT12, FAT16 and FAT32: Microsoft, "FAT: General Overview of On-Disk Format" 1.03 (fatgen103), sections
 * "Boot Sector and BPB" and "FAT Type Determination".
 */
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import { raw, struct, text, u16le, u32le, u8 } from '../../core/struct.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';

const BOOT_SECTOR_BYTES = 512;

const common = struct(BOOT_SECTOR_BYTES, {
  jmpBoot: raw(0, 3),
  bytsPerSec: u16le(11),
  secPerClus: u8(13),
  rsvdSecCnt: u16le(14),
  numFATs: u8(16),
  rootEntCnt: u16le(17),
  totSec16: u16le(19),
  media: u8(21),
  fatSz16: u16le(22),
  totSec32: u32le(32),
  signature: u16le(510),
});

/** What FAT12 and FAT16 have from byte 36 on. */
const tail16 = struct(26, { state: u8(1), bootSig: u8(2), volId: u32le(3), volLab: text(7, 11) });

/** What FAT32 has from byte 36 on. */
const tail32 = struct(54, {
  fatSz32: u32le(0),
  extFlags: u16le(4),
  fsVer: u16le(6),
  rootClus: u32le(8),
  bkBootSec: u16le(14),
  state: u8(29),
  bootSig: u8(30),
  volId: u32le(31),
  volLab: text(35, 11),
});
const TAIL_AT = 36;

/** Where everything is, after every number has been checked. */
export interface FatGeometry {
  readonly entryBits: 12 | 16 | 32;
  readonly sectorBytes: number;
  readonly clusterBytes: number;
  readonly lengthBytes: number;
  readonly fatCount: number;
  readonly fatStartBytes: number;
  readonly fatBytes: number;
  /** the FAT that chains are followed in: the first one, unless mirroring is switched off */
  readonly activeFat: number;
  /** whether all FATs are to be alike */
  readonly isMirrored: boolean;
  /** where the backup boot sector is; 0 where there is none */
  readonly backupBootBytes: number;
  /** root directory of FAT12 and FAT16: a fixed area after the FATs. Of FAT32: its first cluster */
  readonly rootStartBytes: number;
  readonly rootBytes: number;
  /** 0 for FAT12 and FAT16 */
  readonly rootCluster: number;
  /** where cluster 2, the first one, begins */
  readonly dataStartBytes: number;
  readonly clusterCount: number;
  readonly media: number;
  /** volume id as XXXX-XXXX, or '' */
  readonly uuid: string;
  /** label in the boot sector; the one in the root directory goes before it */
  readonly bootLabel: string;
  /** bits that drivers set while mounted: 1 not unmounted cleanly, 2 the surface should be tested */
  readonly state: number;
}

const FAT12_CLUSTERS_MAX = 4084;
const FAT16_CLUSTERS_MAX = 65_524;
/** Cluster numbers end where 0x0FFFFFF7 marks a bad one; two are taken from the beginning. */
const FAT32_CLUSTERS_MAX = 0x0ffffff5;

const NOT_MIRRORED = 0x80;
const ACTIVE_FAT_MASK = 0x0f;

const isPowerOfTwo = (n: number) => n > 0 && (n & (n - 1)) === 0;

/**
 * Whether this is a FAT boot sector at all: all that every formatter writes must be there. NTFS and exFAT have no FATs here,
 * partition tables have no sector size.
 */
function looksLikeFat(b: ReturnType<typeof common.read>): boolean {
  const [jump, , nop] = b.jmpBoot;
  return (
    b.signature === 0xaa55 &&
    ((jump === 0xeb && nop === 0x90) || jump === 0xe9) &&
    [512, 1024, 2048, 4096].includes(b.bytsPerSec) &&
    isPowerOfTwo(b.secPerClus) &&
    b.rsvdSecCnt > 0 &&
    b.numFATs >= 1 &&
    b.numFATs <= 4 &&
    (b.media === 0xf0 || b.media >= 0xf8)
  );
}

/**
 * The type is told by the count of clusters as the specification says, with one exception that every driver makes: without
 * a 16-bit FAT size it is FAT32, however few clusters there are (mkfs.vfat -F 32 makes such for small system partitions).
 * @returns null where this is no FAT boot sector
 * @throws EngineError `FORMAT_INVALID` for one whose numbers contradict each other
 */
export async function readBootSector(volume: BlockSource): Promise<FatGeometry | null> {
  if (volume.lengthBytes < BOOT_SECTOR_BYTES) return null;
  const bytes = await readBytes(volume, 0, BOOT_SECTOR_BYTES);
  const b = common.read(bytes);
  if (!looksLikeFat(b)) return null;

  const isFat32 = b.fatSz16 === 0;
  const wide = tail32.read(bytes, TAIL_AT);
  const { state, bootSig, volId, volLab } = isFat32 ? wide : tail16.read(bytes, TAIL_AT);
  if (isFat32) {
    checkRange('BPB_FSVer', wide.fsVer, 0, 0);
    checkRange('BPB_RootEntCnt', b.rootEntCnt, 0, 0);
  }
  const fatSectors = checkRange('BPB_FATSz', isFat32 ? wide.fatSz32 : b.fatSz16, 1, 2 ** 32);
  // A FAT32 should have no 16-bit count, but mkfs.vfat writes it into small ones.
  const sectors = b.totSec16 === 0 ? b.totSec32 : b.totSec16;
  const rootSectors = Math.ceil((b.rootEntCnt * 32) / b.bytsPerSec);
  const dataSector = b.rsvdSecCnt + b.numFATs * fatSectors + rootSectors;
  checkRange('BPB_TotSec', sectors, dataSector + b.secPerClus, 2 ** 32);
  const clusterCount = Math.floor((sectors - dataSector) / b.secPerClus);
  checkRange('clusters', clusterCount, 1, isFat32 ? FAT32_CLUSTERS_MAX : FAT16_CLUSTERS_MAX);
  const entryBits = isFat32 ? 32 : clusterCount <= FAT12_CLUSTERS_MAX ? 12 : 16;
  const fatBytes = fatSectors * b.bytsPerSec;
  checkRange('entries of the FAT', Math.floor((fatBytes * 8) / entryBits), clusterCount + 2, Number.MAX_SAFE_INTEGER);

  const clusterBytes = b.secPerClus * b.bytsPerSec;
  const fatStartBytes = b.rsvdSecCnt * b.bytsPerSec;
  const dataStartBytes = dataSector * b.bytsPerSec;
  const rootCluster = isFat32 ? checkRange('BPB_RootClus', wide.rootClus, 2, clusterCount + 1) : 0;
  const isMirrored = !isFat32 || (wide.extFlags & NOT_MIRRORED) === 0;
  const hasId = bootSig === 0x29 || bootSig === 0x28;
  return {
    entryBits,
    sectorBytes: b.bytsPerSec,
    clusterBytes,
    lengthBytes: sectors * b.bytsPerSec,
    fatCount: b.numFATs,
    fatStartBytes,
    fatBytes,
    activeFat: isMirrored ? 0 : checkRange('BPB_ExtFlags', wide.extFlags & ACTIVE_FAT_MASK, 0, b.numFATs - 1),
    isMirrored,
    backupBootBytes: isFat32 && wide.bkBootSec < b.rsvdSecCnt ? wide.bkBootSec * b.bytsPerSec : 0,
    rootStartBytes: isFat32 ? dataStartBytes + (rootCluster - 2) * clusterBytes : fatStartBytes + b.numFATs * fatBytes,
    rootBytes: isFat32 ? clusterBytes : rootSectors * b.bytsPerSec,
    rootCluster,
    dataStartBytes,
    clusterCount,
    media: b.media,
    uuid: hasId ? idText(volId) : '',
    bootLabel: bootSig === 0x29 ? volLab.trimEnd() : '',
    state,
  };
}

function idText(id: number): string {
  const hex = id.toString(16).toUpperCase().padStart(8, '0');
  return `${hex.slice(0, 4)}-${hex.slice(4)}`;
}

/** @throws EngineError `FORMAT_INVALID` where the first FAT does not begin with the media byte, as every FAT does */
export function checkFirstEntry(geometry: FatGeometry, firstByte: number): void {
  if (firstByte !== geometry.media) {
    throw new EngineError('FORMAT_INVALID', { field: 'FAT[0]', value: String(firstByte), media: geometry.media });
  }
}
