/** The volumes of a Linux system, put together as its fstab says. */
import type { GuestFiles } from '../guest-files.ts';
import type { GuestVolume } from '../guest-input.ts';
import { parseFstab } from './fstab.ts';

const MAX_MOUNTS = 100;

/** Mounts into `files` what its fstab names. @returns the lines of its fstab; null where it cannot be read */
export async function joinVolumes(files: GuestFiles, volumes: readonly GuestVolume[]) {
  const text = await files.text('/etc/fstab');
  const entries = text === null ? null : parseFstab(text, volumes);
  for (const { volume, mountPoint, options } of (entries ?? []).slice(0, MAX_MOUNTS)) {
    const tree = volumes.find(({ ref }) => ref === volume)?.tree;
    if (!tree || !mountPoint.startsWith('/')) continue;
    const subvolume = /(?:^|,)subvol=([^,]+)/.exec(options)?.[1] ?? '';
    const node = await files.guarded(mountPoint, () => subfolder(tree, subvolume));
    if (node) files.mount(mountPoint, { tree, node, names: namesOf(subvolume) });
  }
  return entries;
}

export const namesOf = (path: string): string[] => path.split('/').filter(Boolean);

/** A subvolume of btrfs by its path; the root of the tree for ''. */
export async function subfolder(tree: NonNullable<GuestVolume['tree']>, path: string) {
  let node = tree.root;
  for (const name of namesOf(path)) {
    const next = node.kind === 'folder' ? await tree.find(node, name) : null;
    if (!next) return null;
    node = next;
  }
  return node;
}
