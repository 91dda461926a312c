/** What jobs that died or gave up have left behind. Whoever takes the writer's lock removes it before anything else, and before others join. */
import { readdirSync, rmSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { hasLeft } from '../catalog/runner.ts';
import { EngineError } from '../core/engine-error.ts';
import { attachmentPath } from '../store/attachment-file.ts';
import { syncFolder } from '../core/durable.ts';
import { forgetCondemnedChunks } from '../store/live-chunks.ts';
import type { Lock } from '../store/locks.ts';
import { ManifestReader } from '../store/manifest-reader.ts';
import { packPath } from '../store/pack-path.ts';
import { removeDeadRunners } from '../store/runner-lock.ts';
import { manifestNames, manifestPath, type StoreLayout } from '../store/store-layout.ts';
import type { StoredParts } from './stored-parts.ts';
import { readManifestJson } from './manifest-json.ts';
import { olderDatabase } from './older-database.ts';
import { readTemplateRecord } from './template-record-file.ts';
import { isUntold } from './untold.ts';

/** Only who holds the writer's lock makes these: whoever has just taken it knows that their makers are gone. */
const WRITERS_FILE = /\.(pack|manifest)$|\.dpa\.[0-9a-f-]{36}$|^import-/;
/** Template records are written without the lock, in an instant: what is older, or from a process that is gone, nobody will finish. */
const RECORD_FILE = /\.json\.(?:([\da-f-]+)\.)?[\da-f-]{36}$/;
/** What names of volumes begin with that are given their length on the way to a target. Deploys hold no writer's lock. */
export const SCRATCH_VOLUME = 'volume-';
const SCRATCH_VOLUME_FILE = new RegExp(`^${SCRATCH_VOLUME}([\\da-f-]+)\\.[\\da-f-]{36}$`);
const MAX_RECORD_AGE_MS = 60 * 60 * 1000;

/** Names of what lies unfinished in the scratch folder and was made by a writer. What else lies there is left alone. */
export function unfinishedFiles({ scratch }: StoreLayout): string[] {
  return readdirSync(scratch).filter((name) => {
    if (WRITERS_FILE.test(name) || isLostVolume(name)) return true;
    const record = RECORD_FILE.exec(name);
    if (!record) return false;
    return hasLeft(record[1] ?? '') || ageMs(join(scratch, name)) > MAX_RECORD_AGE_MS;
  });
}

function isLostVolume(name: string): boolean {
  const mark = SCRATCH_VOLUME_FILE.exec(name)?.[1];
  return mark !== undefined && hasLeft(mark);
}

/** Those of deploys whose process is gone. Any deploy may remove them. */
export function removeLostVolumes({ scratch }: StoreLayout): void {
  for (const name of readdirSync(scratch).filter(isLostVolume)) rmSync(join(scratch, name), { force: true });
}

/** The caller holds the writer's lock, alone. */
export function removeUnfinished(layout: StoreLayout): void {
  removeDeadRunners(layout);
  for (const name of unfinishedFiles(layout)) rmSync(join(layout.scratch, name), { force: true, recursive: true });
}

/**
 * Empties the folder of unfinished files and removes packs and manifests that were announced and belong to nobody. The caller holds the
 * writer's lock, and nobody else does.
 * @throws EngineError `CATALOG_DAMAGED` where the database is older than what it would remove: a repair must come first
 */
export async function removeLeftovers(parts: StoredParts): Promise<void> {
  removeUnfinished(parts.layout);
  const { finished, untold } = await announcedManifests(parts);
  if (finished.length > 0) throw olderDatabase(manifestPath(parts.layout, finished[0]));
  forgetCondemnedChunks(parts.db);
  await removeDoomedManifests(parts, untold);
  // a version that nobody can look at just now, or that this database does not know, may need them
  if (untold.length > 0 || parts.templates.unknownManifests(manifestNames(parts.layout)).length > 0) return;
  await removeExpectedPacks(parts);
}

/**
 * Takes the writer's lock together with the other jobs of this engine that add to the catalog. What dead writers have left is gone then.
 * @param owner what is shown to another process that is refused
 * @throws EngineError `CATALOG_BUSY`; `CATALOG_DAMAGED` as {@link removeLeftovers}
 */
export function joinWriters(parts: StoredParts, owner: string): Promise<Lock> {
  return parts.writers.join(parts.layout, owner, () => removeLeftovers(parts));
}

/**
 * Manifests that a capture announced. `finished`: they are versions all the same, their templates' records name them;
 * `untold`: they, or those records, cannot be read just now, or are of a later Diskpress.
 */
export async function announcedManifests(parts: StoredParts): Promise<{ finished: string[]; untold: string[] }> {
  const finished: string[] = [];
  const untold: string[] = [];
  for (const name of parts.templates.expectedManifests()) {
    try {
      const template = await templateOf(parts, name);
      const record = template === null ? null : await readTemplateRecord(parts.layout, template);
      if (record?.manifests.includes(name)) finished.push(name);
    } catch (error) {
      if (!isUntold(error)) throw error;
      untold.push(name);
    }
  }
  return { finished, untold };
}

async function templateOf(parts: StoredParts, name: string): Promise<string | null> {
  const owner = parts.templates.attachments().find(({ file }) => file === name);
  if (owner) return owner.templateId;
  try {
    const manifest = await ManifestReader.open(parts.layout, name);
    try {
      return readManifestJson(manifest, name).template.id;
    } finally {
      await manifest.close();
    }
  } catch (error) {
    if (error instanceof EngineError && error.code === 'MANIFEST_DAMAGED') return null;
    throw error;
  }
}

/** Manifests and attachments of versions that a prune gave up or that a capture did not finish. @param kept these stay for now */
export async function removeDoomedManifests(parts: StoredParts, kept: readonly string[] = []): Promise<void> {
  const doomed = parts.templates.doomedManifests().filter((name) => !kept.includes(name));
  if (doomed.length === 0) return;
  for (const name of doomed) {
    for (const path of [manifestPath, attachmentPath]) await rm(path(parts.layout, name), { force: true });
  }
  // a power cut must not bring back a file that nobody speaks of any more
  await syncFolder(parts.layout.manifests);
  for (const name of doomed) parts.templates.forgetDoomed(name);
}

/** Manifests and attachments of a version that its job does not make after all. Those of other jobs, which are on their way, stay. */
export function removeOwnManifests(parts: StoredParts, names: readonly string[]): Promise<void> {
  const others = parts.templates.doomedManifests().filter((name) => !names.includes(name));
  return removeDoomedManifests(parts, others);
}

async function removeExpectedPacks(parts: StoredParts): Promise<void> {
  for (const name of parts.index.expectedPacks()) {
    const path = packPath(parts.layout, name);
    await rm(path, { force: true });
    await syncFolder(dirname(path)).catch(() => {});
  }
  parts.index.forgetExpected();
}

function ageMs(path: string): number {
  const stats = statSync(path, { throwIfNoEntry: false });
  // a moment that is to come is one before the clock was set back
  return stats ? Math.abs(Date.now() - stats.mtimeMs) : 0;
}
