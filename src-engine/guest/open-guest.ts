/** The files of an installed system, all its volumes joined: what changes are planned by, and written into. */
import type { Warning } from '../contract/warnings.ts';
import type { GuestVolume } from './guest-input.ts';
import { joinVolumes } from './linux/join-volumes.ts';
import { findRoot, type Root } from './roots.ts';

/** @returns null where no system is found */
export async function openGuest(
  volumes: readonly GuestVolume[],
  signal: AbortSignal,
  warnings: Warning[] = [],
): Promise<Root | null> {
  const root = await findRoot(volumes, signal, warnings);
  if (root?.family === 'linux') await joinVolumes(root.files, volumes);
  return root;
}
