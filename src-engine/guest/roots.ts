/** Which volume a system lies on. */
import type { Warning } from '../contract/warnings.ts';
import { GuestFiles } from './guest-files.ts';
import type { GuestVolume } from './guest-input.ts';

const LINUX_SIGNS = [
  '/etc/os-release',
  '/usr/lib/os-release',
  '/etc/redhat-release',
  '/etc/debian_version',
  '/etc/lsb-release',
  '/etc/fstab',
];
const WINDOWS_SIGN = '/Windows/System32/config/SOFTWARE';
/** Where installers of Ubuntu, openSUSE, Debian and Fedora put the root among the subvolumes of btrfs. */
const SUBVOLUMES = ['', '@', '@/.snapshots/1/snapshot', '@rootfs', 'root'];

export interface Root {
  readonly family: 'linux' | 'windows';
  readonly volume: GuestVolume;
  /** of the volume's folders the one that is '/': '' but for subvolumes of btrfs */
  readonly folder: string;
  readonly files: GuestFiles;
}

/** The first volume that holds a system, in the order of the disk; null where none does. */
export async function findRoot(
  volumes: readonly GuestVolume[],
  signal: AbortSignal,
  warnings: Warning[],
): Promise<Root | null> {
  for (const volume of volumes) {
    const { tree } = volume;
    if (!tree) continue;
    for (const path of volume.kind === 'btrfs' ? SUBVOLUMES : ['']) {
      const top = new GuestFiles({ tree, node: tree.root }, signal, warnings, `${volume.ref}:`);
      const node = await top.guarded(`/${path}`, () => subfolder(tree, path));
      if (!node) continue;
      const files = new GuestFiles({ tree, node, names: namesOf(path) }, signal, warnings);
      if (await files.firstOf(LINUX_SIGNS)) return { family: 'linux', volume, folder: path, files };
      if (await files.exists(WINDOWS_SIGN)) return { family: 'windows', volume, folder: path, files };
    }
  }
  return null;
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
