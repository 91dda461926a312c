/**
 * Repair: rebuilds the database from packs, manifests and template records. Rows that are not what was written are replaced; what cannot
 * be read is kept, and told. Jobs and the audit log are kept where the database could be opened, and begin anew where it could not.
 */
import { rename, stat } from 'node:fs/promises';
import type { TemplateRecord } from '../catalog/records/index.ts';
import type { JobResult } from '../contract/job.contract.ts';
import { EngineError } from '../core/engine-error.ts';
import type { JobContext } from '../core/job-context.ts';
import { insertPack } from '../store/chunk-index.ts';
import { lockWriter } from '../store/locks.ts';
import { ManifestReader } from '../store/manifest-reader.ts';
import { packFiles } from '../store/pack-path.ts';
import { scanPack, type ScannedPack } from '../store/pack-scanner.ts';
import { manifestNames, manifestPath } from '../store/store-layout.ts';
import { bringBackAttachments } from './attachments.ts';
import type { EngineParts } from './engine-parts.ts';
import { finishedManifests, removeLeftovers } from './leftovers.ts';
import { readManifestJson, type ManifestJson } from './manifest-json.ts';
import { readTemplateRecord, writeTemplateRecord } from './template-record-file.ts';

interface FoundManifest {
  readonly name: string;
  readonly json: ManifestJson;
}

export async function runRepair(parts: EngineParts, context: JobContext): Promise<JobResult> {
  const lock = lockWriter(parts.layout, 'repair');
  try {
    // a database that was brought back from a copy does not know that these became versions
    for (const name of await finishedManifests(parts)) parts.templates.forgetDoomed(name);
    const packs = await scanPacks(parts, context);
    const manifests = await readManifests(parts, context);
    rebuildIndex(parts, packs);
    for (const id of new Set(manifests.map(({ json }) => json.template.id))) await mendTemplate(parts, id, manifests);
    parts.templates.removeDamaged();
    for (const { name, json } of manifests) {
      const row = parts.templates.soundVersion(name);
      if (row?.templateId === json.template.id && row.record.number === json.version.number) continue;
      await bringBack(parts, name, json, context);
    }
    await bringBackAttachments(parts, (path, { code, data }) =>
      context.warn({ code: 'ATTACHMENT_DAMAGED', data: { path, reason: String(data.reason ?? code) } }),
    );
    parts.templates.deleteWithoutVersions();
    parts.jobs.removeDamaged();
    parts.audit.removeDamaged();
    for (const { id } of parts.templates.revisions()) await writeTemplateRecord(parts, id);
    await removeLeftovers(parts);
    const storedBytes = parts.index.storedBytes();
    parts.audit.add('catalog.repaired', '', { packs: packs.length, versions: manifests.length });
    return {
      templateId: null,
      versionNumber: null,
      processedBytes: storedBytes,
      storedBytes: 0,
      verifiedBytes: 0,
      readBack: 'none',
      damagedTemplates: [],
    };
  } finally {
    lock.release();
  }
}

async function scanPacks(parts: EngineParts, context: JobContext): Promise<ScannedPack[]> {
  context.phase('scanning', 0);
  const expected = new Set(parts.index.expectedPacks());
  const packs: ScannedPack[] = [];
  for (const { name, path } of await newestFirst(await packFiles(parts.layout))) {
    const pack = await scanPack(path, name, context.signal);
    if (pack.skippedBytes > 0) {
      context.warn({ code: 'DISCARDED_PACK_TAIL', data: { path, lengthBytes: pack.skippedBytes } });
    }
    if (pack.frames.length > 0) packs.push(pack);
    context.advance(pack.lengthBytes);
  }
  // what a capture announced and did not finish is of use all the same, but never instead of what is known
  return packs.sort((a, b) => Number(expected.has(a.name)) - Number(expected.has(b.name)));
}

/** Packs that are not there keep their rows, set aside: they may come back. */
function rebuildIndex(parts: EngineParts, packs: readonly ScannedPack[]): void {
  const { db, index } = parts;
  const scanned = JSON.stringify(packs.map(({ name }) => name));
  db.transaction(() => {
    const absent = db
      .prepare<[string], number>(
        `SELECT frame.id FROM frame JOIN pack ON pack.id = pack_id
         WHERE NOT is_condemned AND pack.name NOT IN (SELECT value FROM json_each(?))`,
      )
      .pluck()
      .all(scanned);
    for (const frameId of absent) index.setAside(frameId);
    const kept = JSON.stringify(absent);
    db.exec('DELETE FROM chunk');
    db.prepare('DELETE FROM lost_chunk WHERE frame_id NOT IN (SELECT value FROM json_each(?))').run(kept);
    db.prepare('DELETE FROM frame WHERE id NOT IN (SELECT value FROM json_each(?))').run(kept);
    db.exec('DELETE FROM pack WHERE id NOT IN (SELECT pack_id FROM frame)');
    for (const pack of packs) insertPack(db, pack);
  })();
  index.forgetFrames();
}

/** Of a chunk that two packs hold the index keeps the first: the newer one may have been written because the older is damaged. */
async function newestFirst<P extends { path: string }>(packs: readonly P[]): Promise<P[]> {
  const dated = await Promise.all(packs.map(async (pack) => ({ pack, at: (await stat(pack.path)).mtimeMs })));
  return dated.sort((a, b) => b.at - a.at).map(({ pack }) => pack);
}

/** Manifests that are damaged are put aside where no row speaks of them: they would stand in the way of every prune. */
async function readManifests(parts: EngineParts, context: JobContext): Promise<FoundManifest[]> {
  const found: FoundManifest[] = [];
  const names = manifestNames(parts.layout);
  const unknown = new Set(parts.templates.unknownManifests(names));
  const doomed = new Set(parts.templates.doomedManifests());
  for (const name of names.filter((known) => !doomed.has(known))) {
    try {
      const manifest = await ManifestReader.open(parts.layout, name);
      try {
        const json = readManifestJson(manifest, name);
        if (json.disk.manifest !== name) throw new EngineError('MANIFEST_DAMAGED', { path: name, reason: 'name' });
        found.push({ name, json });
      } finally {
        await manifest.close();
      }
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      if (!unknown.has(name)) continue;
      const path = manifestPath(parts.layout, name);
      const isDamaged = error.code === 'MANIFEST_DAMAGED';
      if (isDamaged) await rename(path, `${path}.damaged`);
      const reason = String(error.data.reason ?? error.code);
      context.warn({ code: 'VERSION_NOT_RECOVERED', data: { path: isDamaged ? `${path}.damaged` : path, reason } });
    }
  }
  return found.sort((a, b) => a.json.version.number - b.json.version.number);
}

/** What is known of a template: its row or its file, the newer of those that are what was written, or its newest manifest. */
async function recordOf(parts: EngineParts, id: string, manifests: readonly FoundManifest[]): Promise<TemplateRecord> {
  const row = parts.templates.soundRecord(id);
  const file = await readTemplateRecord(parts.layout, id);
  if (row && (!file || row.revision >= file.revision)) return row;
  return file ?? manifests.findLast(({ json }) => json.template.id === id)!.json.template;
}

async function mendTemplate(parts: EngineParts, id: string, manifests: readonly FoundManifest[]): Promise<void> {
  const record = await recordOf(parts, id, manifests);
  const row = parts.templates.soundRecord(id);
  if (row && row.revision >= record.revision) return;
  parts.templates.replace({ ...record, name: freeName(parts, record) });
}

function freeName(parts: EngineParts, record: TemplateRecord): string {
  const holder = record.deletedAt === null ? parts.templates.nameHolder(record.name) : null;
  if (holder === null || holder === record.id) return record.name;
  return `${record.name.slice(0, 110)} (${record.id.slice(0, 8)})`;
}

async function bringBack(parts: EngineParts, manifest: string, json: ManifestJson, context: JobContext): Promise<void> {
  const record = (await readTemplateRecord(parts.layout, json.template.id)) ?? json.template;
  try {
    const isDeleted = record.deletedVersions.includes(json.version.number);
    parts.templates.addVersion(
      { ...record, name: freeName(parts, record) },
      json.version,
      isDeleted ? record.updatedAt : null,
    );
  } catch (error) {
    context.warn({ code: 'VERSION_NOT_RECOVERED', data: { path: manifest, reason: (error as Error).message } });
  }
}
