/**
 * Feature flags of XFS and which of them are read right here: Linux, fs/xfs/libxfs/xfs_format.h (XFS_SB_VERSION_*,
 * XFS_SB_FEAT_*); "XFS Algorithms & Data Structures", 3rd edition, "Superblocks".
 */
import { EngineError } from '../../core/engine-error.ts';

const VERSION = {
  NUMBER: 0x000f,
  SHARED: 0x0200,
  DIRV2: 0x2000,
  ASCII_CI: 0x4000,
  MORE: 0x8000,
} as const;

const VERSION2 = { LAZYSBCOUNT: 0x2, ATTR2: 0x8, PROJID32: 0x80, FTYPE: 0x200 } as const;

const INCOMPAT = {
  FTYPE: 0x1,
  SPINODES: 0x2,
  META_UUID: 0x4,
  BIGTIME: 0x8,
  NEEDSREPAIR: 0x10,
  NREXT64: 0x20,
  EXCHRANGE: 0x40,
  PARENT: 0x80,
} as const;

const RO_COMPAT = { FINOBT: 0x1, RMAPBT: 0x2, REFLINK: 0x4, INOBTCNT: 0x8 } as const;

/** What changes the format too much to be read here, by the names that mkfs.xfs gives them. */
const REFUSED_INCOMPAT: Record<number, string> = { 0x100: 'metadir', 0x200: 'zoned', 0x400: 'zone gaps' };

export interface RawFeatures {
  readonly versionnum: number;
  readonly features2: number;
  readonly incompat: number;
  readonly roCompat: number;
}

export interface Features {
  /** version 5: blocks carry a CRC-32C, their own address and their owner */
  readonly hasChecksums: boolean;
  /** directory entries say what kind of file they name */
  readonly hasFileTypes: boolean;
  /** blocks carry another UUID than the superblock */
  readonly hasMetaUuid: boolean;
  /** names are compared without regard to the case of ASCII and Latin-1 letters */
  readonly isCaseInsensitive: boolean;
  readonly needsRepair: boolean;
}

const sum = (flags: Record<string, number>) => Object.values(flags).reduce((all, flag) => all | flag, 0);

/** The version in the superblock: 5 has checksums. */
export function versionOf(versionnum: number): number {
  return versionnum & VERSION.NUMBER;
}

/**
 * A stranger among the "read-only compatible" flags is refused too: what it keeps elsewhere may be in use.
 * @throws EngineError `FORMAT_UNSUPPORTED` with the first flag that is not known as `feature`
 */
export function readFeatures(raw: RawFeatures): Features {
  const version = versionOf(raw.versionnum);
  if (version !== 4 && version !== 5) refuse(`xfs version ${version}`);
  if (!(raw.versionnum & VERSION.DIRV2)) refuse('xfs directories of version 1');
  if (raw.versionnum & VERSION.SHARED) refuse('xfs shared superblocks');
  const isCaseInsensitive = (raw.versionnum & VERSION.ASCII_CI) !== 0;
  if (version === 4) {
    const features2 = raw.versionnum & VERSION.MORE ? raw.features2 : 0;
    refuseStranger('features2', features2 & ~sum(VERSION2));
    const hasFileTypes = (features2 & VERSION2.FTYPE) !== 0;
    return { hasChecksums: false, hasFileTypes, hasMetaUuid: false, isCaseInsensitive, needsRepair: false };
  }
  for (const [flag, name] of Object.entries(REFUSED_INCOMPAT)) if (raw.incompat & Number(flag)) refuse(`xfs ${name}`);
  refuseStranger('incompat', raw.incompat & ~sum(INCOMPAT));
  refuseStranger('ro_compat', raw.roCompat & ~sum(RO_COMPAT));
  return {
    hasChecksums: true,
    hasFileTypes: (raw.incompat & INCOMPAT.FTYPE) !== 0,
    hasMetaUuid: (raw.incompat & INCOMPAT.META_UUID) !== 0,
    isCaseInsensitive,
    needsRepair: (raw.incompat & INCOMPAT.NEEDSREPAIR) !== 0,
  };
}

function refuseStranger(group: string, strangers: number): void {
  if (strangers !== 0) refuse(`xfs ${group} 0x${((strangers & -strangers) >>> 0).toString(16)}`);
}

function refuse(feature: string): never {
  throw new EngineError('FORMAT_UNSUPPORTED', { feature });
}
