/** Which volume a system lies on. */
import type { Warning } from '../contract/warnings.ts';
import { GuestFiles } from './guest-files.ts';
import type { GuestVolume } from './guest-input.ts';
import { namesOf, subfolder } from './linux/join-volumes.ts';

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
      if (await files.firstOf(LINUX_SIGNS)) return { family: 'linux', volume, files };
      if (await files.exists(WINDOWS_SIGN)) return { family: 'windows', volume, files };
    }
  }
  return null;
}
