/** From opened volumes to what is installed on them. */
import type { Guest } from '../contract/guest.contract.ts';
import type { Warning } from '../contract/warnings.ts';
import { readBoot } from './boot-modes.ts';
import { unknown } from './datum.ts';
import { endOfLifeOf, type EndOfLifeTable } from './end-of-life.ts';
import type { GuestInput } from './guest-input.ts';
import { inspectLinux } from './linux/inspect-linux.ts';
import { findRoot } from './roots.ts';
import { volumeStates } from './volume-states.ts';
import { inspectWindows } from './windows/inspect-windows.ts';

/**
 * Reads a few small files through the readers of file systems; nothing is mounted. What is broken, huge or hostile is
 * unknown, with a warning `GUEST_FILE_UNREADABLE`; nothing is thrown but an abort.
 */
export async function inspectGuest(
  { volumes, firstSectors }: GuestInput,
  endOfLife: EndOfLifeTable,
  signal: AbortSignal,
): Promise<Guest> {
  const warnings: Warning[] = [];
  const root = await findRoot(volumes, signal, warnings);
  const system =
    root?.family === 'linux'
      ? await inspectLinux(root.files, volumes)
      : root?.family === 'windows'
        ? await inspectWindows(root.files)
        : nothingKnown();
  return {
    ...system,
    ...(await readBoot(volumes, firstSectors, signal, warnings)),
    ...volumeStates(volumes),
    endOfLife: endOfLifeOf(endOfLife, system.release.value, system.pointRelease.value, system.edition.value),
    warnings,
  };
}

function nothingKnown() {
  const nothing = unknown('volumes');
  return {
    family: nothing,
    distribution: nothing,
    version: nothing,
    name: nothing,
    release: nothing,
    pointRelease: nothing,
    edition: nothing,
    architecture: nothing,
    kernels: nothing,
    bootKernel: nothing,
    kernelOrigin: nothing,
    fstab: nothing,
    usesSwap: nothing,
    mountsByDeviceName: nothing,
    networkSystems: nothing,
    hasCloudInit: nothing,
    guestAgents: nothing,
    sysprepState: nothing,
    machineId: nothing,
    sshHostKeys: nothing,
    isGeneralized: nothing,
    hostname: nothing,
  };
}
