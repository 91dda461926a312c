/** What jobs that died or gave up have left behind. Whoever holds the writer's lock removes it before anything else. */
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { manifestPath } from '../store/store-layout.ts';
import type { EngineParts } from './engine-parts.ts';

/** Template records are written without the lock, in an instant: what is older is from a process that died. */
const MAX_RECORD_AGE_MS = 60 * 60 * 1000;

/** Empties the folder of unfinished files and removes manifests that belong to no version. */
export async function removeLeftovers(parts: EngineParts): Promise<void> {
  const { scratch } = parts.layout;
  for (const name of await readdir(scratch)) {
    const path = join(scratch, name);
    const isOurs = name.endsWith('.pack') || name.endsWith('.manifest');
    if (isOurs || (await ageMs(path)) > MAX_RECORD_AGE_MS) await rm(path, { force: true, recursive: true });
  }
  await removeDoomedManifests(parts);
}

/** Manifests of versions that a prune gave up or that a capture did not finish. */
export async function removeDoomedManifests(parts: EngineParts): Promise<void> {
  for (const name of parts.templates.doomedManifests()) await rm(manifestPath(parts.layout, name), { force: true });
  parts.templates.forgetDoomed();
}

async function ageMs(path: string): Promise<number> {
  const stats = await stat(path).catch(() => null);
  return stats ? Date.now() - stats.mtimeMs : 0;
}
