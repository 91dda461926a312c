/** All that a Linux system tells of itself. */
import { known, unknown } from '../datum.ts';
import type { GuestFiles } from '../guest-files.ts';
import type { GuestVolume } from '../guest-input.ts';
import { joinMounts } from '../open-guest-files.ts';
import { readElfArchitecture } from './architecture.ts';
import { parseFstab } from './fstab.ts';
import { readIdentity } from './identity.ts';
import { readKernels } from './kernels.ts';
import { readRelease } from './release.ts';
import { readCloudInit, readGuestAgents, readNetworkSystems } from './services.ts';

/** Joins the volumes that its fstab names, then reads. */
export async function inspectLinux(files: GuestFiles, volumes: readonly GuestVolume[]) {
  const origin = '/etc/fstab';
  const text = await files.text(origin);
  const entries = text === null ? null : parseFstab(text, volumes);
  await joinMounts(files, entries ?? [], volumes);
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
