/** All that a Linux system tells of itself. */
import { known, unknown } from '../datum.ts';
import type { GuestFiles } from '../guest-files.ts';
import type { GuestVolume } from '../guest-input.ts';
import { readElfArchitecture } from './architecture.ts';
import { parseFstab } from './fstab.ts';
import { readIdentity } from './identity.ts';
import { readKernels } from './kernels.ts';
import { readRelease } from './release.ts';
import { readCloudInit, readGuestAgents, readNetworkSystems } from './services.ts';

const MAX_MOUNTS = 100;

/** Joins the volumes that its fstab names, then reads. */
export async function inspectLinux(files: GuestFiles, volumes: readonly GuestVolume[]) {
  const origin = '/etc/fstab';
  const text = await files.text(origin);
  const entries = text === null ? null : parseFstab(text, volumes);
  for (const { volume, mountPoint, options } of (entries ?? []).slice(0, MAX_MOUNTS)) {
    const tree = volumes.find(({ ref }) => ref === volume)?.tree;
    if (!tree || !mountPoint.startsWith('/')) continue;
    const subvolume = /(?:^|,)subvol=([^,]+)/.exec(options)?.[1] ?? '';
    const node = await files.guarded(mountPoint, () => subfolder(tree, subvolume));
    if (node) files.mount(mountPoint, { tree, node });
  }
  const release = await readRelease(files);
  return {
    family: known('linux' as const, release.distribution.origin),
    ...release,
    edition: unknown(release.name.origin),
    architecture: await readElfArchitecture(files),
    ...(await readKernels(files, release.distribution.value)),
    fstab: entries === null ? unknown(origin) : known(entries, origin),
    usesSwap:
      entries === null
        ? unknown(origin)
        : known(
            entries.some(({ type }) => type === 'swap'),
            origin,
          ),
    mountsByDeviceName:
      entries === null
        ? unknown(origin)
        : known(
            entries.some(({ reference }) => reference === 'device-name'),
            origin,
          ),
    networkSystems: await readNetworkSystems(files),
    hasCloudInit: await readCloudInit(files),
    guestAgents: await readGuestAgents(files),
    sysprepState: unknown(''),
    ...(await readIdentity(files)),
  };
}

/** A subvolume of btrfs by its path; the root of the tree for ''. */
export async function subfolder(tree: NonNullable<GuestVolume['tree']>, path: string) {
  let node = tree.root;
  for (const name of path.split('/').filter(Boolean)) {
    const next = node.kind === 'folder' ? await tree.find(node, name) : null;
    if (!next) return null;
    node = next;
  }
  return node;
}
