/** The files of the system that lies on some volumes, from its root, joined at its mount points. */
import type { FstabEntry } from '../contract/guest.contract.ts';
import type { Warning } from '../contract/warnings.ts';
import type { GuestFiles } from './guest-files.ts';
import type { GuestVolume } from './guest-input.ts';
import { parseFstab } from './linux/fstab.ts';
import { findRoot, namesOf, subfolder } from './roots.ts';

const MAX_MOUNTS = 100;

export interface GuestMount {
  /** '/' for the root */
  readonly mountPoint: string;
  /** {@link GuestVolume.ref} */
  readonly volume: string;
  /** the path, inside the volume, of the folder that stands at the mount point: '' but for subvolumes of btrfs */
  readonly folder: string;
}

export interface OpenedGuest {
  readonly family: 'linux' | 'windows';
  readonly files: GuestFiles;
  /** the root first */
  readonly mounts: readonly GuestMount[];
}

/** @returns null where no system is found; throws nothing but an abort */
export async function openGuestFiles(
  volumes: readonly GuestVolume[],
  signal: AbortSignal,
  warnings: Warning[] = [],
): Promise<OpenedGuest | null> {
  const root = await findRoot(volumes, signal, warnings);
  if (!root) return null;
  const { family, files, volume, folder } = root;
  const mounts: GuestMount[] = [{ mountPoint: '/', volume: volume.ref, folder }];
  const text = family === 'linux' ? await files.text('/etc/fstab') : null;
  mounts.push(...(await joinMounts(files, text === null ? [] : parseFstab(text, volumes), volumes)));
  return { family, files, mounts };
}

/** Joins the volumes that an fstab names. */
export async function joinMounts(
  files: GuestFiles,
  entries: readonly FstabEntry[],
  volumes: readonly GuestVolume[],
): Promise<GuestMount[]> {
  const mounts: GuestMount[] = [];
  for (const { volume, mountPoint, options } of entries.slice(0, MAX_MOUNTS)) {
    const tree = volumes.find(({ ref }) => ref === volume)?.tree;
    if (!tree || volume === null || !mountPoint.startsWith('/') || mountPoint === '/') continue;
    const folder = /(?:^|,)subvol=\/?([^,]+)/.exec(options)?.[1] ?? '';
    const node = await files.guarded(mountPoint, () => subfolder(tree, folder));
    if (!node) continue;
    files.mount(mountPoint, { tree, node, names: namesOf(folder) });
    mounts.push({ mountPoint, volume, folder });
  }
  return mounts;
}
