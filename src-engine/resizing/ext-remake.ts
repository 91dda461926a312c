/**
 * ext2, ext3 and ext4 made anew with larger blocks, for a disk whose sectors are larger than theirs were: as they were otherwise, by what
 * dumpe2fs(8) tells of them, and their files copied.
 */
import { INCOMPAT, RO_COMPAT } from '../filesystems/ext/features.ts';
import { readSuperblock } from '../filesystems/ext/superblock.ts';
import { COPY_TOOLS, copyFiles } from './copied-files.ts';
import type { Resizer, Way } from './resizer.port.ts';

/** Features by their names for mke2fs(8), ext4(5). Others say something of single files that a copy does not carry, or have to be asked for. */
const KEPT_FEATURES = new Set(
  (
    'has_journal ext_attr resize_inode dir_index sparse_super2 orphan_file fast_commit filetype meta_bg extent extents 64bit flex_bg ' +
    'metadata_csum metadata_csum_seed large_dir ea_inode inline_data large_file sparse_super huge_file uninit_bg dir_nlink extra_isize'
  ).split(' '),
);
/** They come and go by themselves. */
const STATES = new Set(['needs_recovery', 'orphan_present']);
const UNFIT_INCOMPAT = INCOMPAT.ENCRYPT | INCOMPAT.CASEFOLD | INCOMPAT.DIRDATA | INCOMPAT.MMP;
const UNFIT_RO_COMPAT =
  RO_COMPAT.BIGALLOC |
  RO_COMPAT.SHARED_BLOCKS |
  RO_COMPAT.READONLY |
  RO_COMPAT.VERITY |
  RO_COMPAT.QUOTA |
  RO_COMPAT.PROJECT;

/** A journal has 1024 blocks at least (mke2fs(8), -J); of 4 KiB that is more than a small file system had. */
const LEAST_JOURNAL_BLOCKS = 1024;
const ROOM_BYTES = 8 * 1024 * 1024;
const ROOM_SHARE = 0.03;
const DEADLINE_MS = 60 * 60 * 1000;
const MIB = 1024 * 1024;

export const EXT_REMAKING: Way = {
  method: 'rebuilt',
  needsRoot: true,
  isMounted: true,
  tools: [...COPY_TOOLS, 'dumpe2fs', 'mke2fs', 'tune2fs'],
};

export const extRemadeLimits: NonNullable<Resizer['remadeLimits']> = async (volume, _, usedBytes, sectorBytes) => {
  const superblock = await readSuperblock(volume);
  if (!superblock || superblock.externalJournal !== null) return { refusal: 'feature' };
  const { features, blockBytes, blockCount, freeBlockCount, inodeCount, freeInodeCount } = superblock;
  if (features.incompat & UNFIT_INCOMPAT || features.roCompat & UNFIT_RO_COMPAT) return { refusal: 'feature' };
  const takenBytes = Math.max(usedBytes, (blockCount - freeBlockCount) * blockBytes);
  // each file and each folder ends in a block of its own
  const endsBytes = Math.max(inodeCount - freeInodeCount, 0) * (sectorBytes - blockBytes);
  const minimumBytes = takenBytes + endsBytes + ROOM_BYTES + Math.ceil(takenBytes * ROOM_SHARE);
  return { minimumBytes, maximumBytes: Number.MAX_SAFE_INTEGER };
};

export const remakeExt: NonNullable<Resizer['rebuild']> = (from, to, fileSystem, signal) =>
  copyFiles(from, to, { type: fileSystem.kind }, signal, async ({ mounts, oldDevice, newDevice }) => {
    const { stdout } = await mounts.run('dumpe2fs', ['-h', oldDevice]);
    const told = fieldsOf(stdout.toString('utf8'));
    const blockBytes = Math.max(fileSystem.blockBytes, to.sectorBytes);
    const { uuid, label } = fileSystem;
    const named = label === '' ? [] : ['-L', label];
    const args = ['-q', '-F', '-U', uuid, ...named, ...makingOf(told, blockBytes), newDevice];
    // what this machine would have in a new one is not asked for
    await mounts.run('mke2fs', args, { deadlineMs: DEADLINE_MS, env: { MKE2FS_CONFIG: '/dev/null' } });
    await mounts.run('tune2fs', [...tuningOf(told, fileSystem.blockBytes, blockBytes), newDevice]);
  });

/** `Inode size:	          128` */
function fieldsOf(text: string): ReadonlyMap<string, string> {
  return new Map([...text.matchAll(/^([^:\n]+):[ \t]*(.*)$/gm)].map(([, name, value]) => [name, value.trim()]));
}

const numberOf = (text: string | undefined): number => Number(/^\d+/.exec(text ?? '')?.[0] ?? 0);

function makingOf(told: ReadonlyMap<string, string>, blockBytes: number): string[] {
  const names = (told.get('Filesystem features') ?? '').split(/\s+/).filter((name) => name && !STATES.has(name));
  const kept = names.filter((name) => KEPT_FEATURES.has(name));
  const journalMib = Math.ceil((LEAST_JOURNAL_BLOCKS * blockBytes) / MIB);
  const toldMib = Math.floor((numberOf(told.get('Total journal size')) * 1024) / MIB);
  const journal = kept.includes('has_journal') ? ['-J', `size=${Math.max(journalMib, toldMib)}`] : [];
  // nothing is left for the kernel to make ready later: its first mount is the guest's
  const more = ['nodiscard', 'lazy_itable_init=0', 'lazy_journal_init=0'];
  return [
    ...['-b', String(blockBytes), '-I', String(numberOf(told.get('Inode size')) || 128)],
    ...['-N', String(numberOf(told.get('Inode count'))), '-m', '0', '-O', ['none', ...kept].join(), '-E', more.join()],
    ...journal,
  ];
}

/** What is set afterwards: what root has to itself, and what a check and a mount go by. */
function tuningOf(told: ReadonlyMap<string, string>, oldBlockBytes: number, blockBytes: number): string[] {
  const reserved = Math.round((numberOf(told.get('Reserved block count')) * oldBlockBytes) / blockBytes);
  const most = /^-?\d+/.exec(told.get('Maximum mount count') ?? '')?.[0] ?? '-1';
  const errors = { Continue: 'continue', 'Remount read-only': 'remount-ro', Panic: 'panic' }[
    told.get('Errors behavior') ?? ''
  ];
  const options = (told.get('Default mount options') ?? '').split(/\s+/).filter((name) => /^[a-z_]+$/.test(name));
  return [
    ...['-r', String(reserved), '-c', most, '-i', `${numberOf(told.get('Check interval'))}s`],
    ...[
      '-u',
      String(numberOf(told.get('Reserved blocks uid'))),
      '-g',
      String(numberOf(told.get('Reserved blocks gid'))),
    ],
    ...(errors ? ['-e', errors] : []),
    ...(options.length > 0 ? ['-o', options.join()] : []),
  ];
}
