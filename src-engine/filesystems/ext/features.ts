/** Feature flags of ext2, ext3 and ext4: Linux, Documentation/filesystems/ext4/super.rst, and which of them we read right. */
import { EngineError } from '../../core/engine-error.ts';

export const COMPAT = { HAS_JOURNAL: 0x4, LAZY_BG: 0x40, SPARSE_SUPER2: 0x200, FAST_COMMIT: 0x400 } as const;

export const INCOMPAT = {
  FILETYPE: 0x2,
  RECOVER: 0x4,
  JOURNAL_DEV: 0x8,
  META_BG: 0x10,
  EXTENTS: 0x40,
  BIT64: 0x80,
  MMP: 0x100,
  FLEX_BG: 0x200,
  EA_INODE: 0x400,
  DIRDATA: 0x1000,
  CSUM_SEED: 0x2000,
  LARGEDIR: 0x4000,
  INLINE_DATA: 0x8000,
  ENCRYPT: 0x10000,
  CASEFOLD: 0x20000,
} as const;

export const RO_COMPAT = {
  SPARSE_SUPER: 0x1,
  LARGE_FILE: 0x2,
  BTREE_DIR: 0x4,
  HUGE_FILE: 0x8,
  GDT_CSUM: 0x10,
  DIR_NLINK: 0x20,
  EXTRA_ISIZE: 0x40,
  QUOTA: 0x100,
  BIGALLOC: 0x200,
  METADATA_CSUM: 0x400,
  READONLY: 0x1000,
  PROJECT: 0x2000,
  SHARED_BLOCKS: 0x4000,
  VERITY: 0x8000,
  ORPHAN_PRESENT: 0x10000,
} as const;

export interface Features {
  readonly compat: number;
  readonly incompat: number;
  readonly roCompat: number;
}

const sum = (flags: Record<string, number>) => Object.values(flags).reduce((all, flag) => all | flag, 0);

const READ_RIGHT = { incompat: sum(INCOMPAT), roCompat: sum(RO_COMPAT) };

/**
 * A flag that we do not know may change what the bitmaps mean: bigalloc, which does, is a "read-only compatible" one. So
 * neither group may hold a stranger. Strangers in the third group ("compatible") change nothing for readers by definition;
 * lazy_bg, which broke that, was never more than a test.
 * @throws EngineError `FORMAT_UNSUPPORTED` with the first such flag as `feature`
 */
export function refuseStrangers({ compat, incompat, roCompat }: Features): void {
  if (incompat & INCOMPAT.JOURNAL_DEV) throw new EngineError('FORMAT_UNSUPPORTED', { feature: 'journal_dev' });
  if (compat & COMPAT.LAZY_BG) throw new EngineError('FORMAT_UNSUPPORTED', { feature: 'lazy_bg' });
  refuse('incompat', incompat & ~READ_RIGHT.incompat);
  refuse('ro_compat', roCompat & ~READ_RIGHT.roCompat);
}

function refuse(group: string, strangers: number): void {
  if (strangers === 0) return;
  const lowest = (strangers & -strangers) >>> 0;
  throw new EngineError('FORMAT_UNSUPPORTED', { feature: `ext ${group} 0x${lowest.toString(16)}` });
}

/** What the drivers of ext2 and ext3 know: whatever has more is ext4, as util-linux's blkid tells them apart. */
const OLD_RO_COMPAT = RO_COMPAT.SPARSE_SUPER | RO_COMPAT.LARGE_FILE | RO_COMPAT.BTREE_DIR;
const OLD_INCOMPAT = INCOMPAT.FILETYPE | INCOMPAT.RECOVER | INCOMPAT.META_BG;

export function kindOf({ compat, incompat, roCompat }: Features): 'ext2' | 'ext3' | 'ext4' {
  if (incompat & ~OLD_INCOMPAT || roCompat & ~OLD_RO_COMPAT) return 'ext4';
  return compat & COMPAT.HAS_JOURNAL ? 'ext3' : 'ext2';
}
