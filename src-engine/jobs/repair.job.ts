/**
 * Repair: rebuilds the database from packs, manifests and template records. What it cannot read it keeps, and says so. Jobs and the audit log are kept where the database could be opened, and begin anew where it could not.
 */
import { rename, stat } from 'node:fs/promises';
import type { JobResult } from '../contract/job.contract.ts';
import { EngineError } from '../core/engine-error.ts';
import type { JobContext } from '../core/job-context.ts';
import { insertPack } from '../store/chunk-index.ts';
import { lockWriter } from '../store/locks.ts';
import { ManifestReader } from '../store/manifest-reader.ts';
import { packFiles } from '../store/pack-path.ts';
import { scanPack } from '../store/pack-scanner.ts';
import { manifestNames, manifestPath } from '../store/store-layout.ts';
import type { EngineParts } from './engine-parts.ts';
import { readManifestJson, type ManifestJson } from './manifest-json.ts';
import { removeLeftovers } from './leftovers.ts';
import { readTemplateRecord } from './template-record-file.ts';

export async function runRepair(parts: EngineParts, context: JobContext): Promise<JobResult> {
  const lock = lockWriter(parts.layout, 'repair');
  try {
    await removeLeftovers(parts);
    context.phase('scanning', 0);
    const packs = await scanPacks(parts, context);
    const manifests = await readManifests(parts, context);
    parts.db.transaction(() => {
      parts.db.exec('DELETE FROM chunk; DELETE FROM frame; DELETE FROM pack');
      for (const pack of packs) insertPack(parts.db, pack);
    })();
    parts.index.forgetFrames();
    for (const { name, json } of manifests) await bringBack(parts, name, json, context);
    parts.templates.deleteWithoutVersions();
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

async function scanPacks(parts: EngineParts, context: JobContext) {
  const packs = [];
  for (const { name, path } of await newestFirst(await packFiles(parts.layout))) {
    const pack = await scanPack(path, name, context.signal);
    if (pack.skippedBytes > 0) {
      context.warn({ code: 'DISCARDED_PACK_TAIL', data: { path, lengthBytes: pack.skippedBytes } });
    }
    if (pack.frames.length > 0) packs.push(pack);
    context.advance(pack.lengthBytes);
  }
  return packs;
}

/** Of a chunk that two packs hold the index keeps the first: the newer one may have been written because the older is damaged. */
async function newestFirst<P extends { path: string }>(packs: readonly P[]): Promise<P[]> {
  const dated = await Promise.all(packs.map(async (pack) => ({ pack, at: (await stat(pack.path)).mtimeMs })));
  return dated.sort((a, b) => b.at - a.at).map(({ pack }) => pack);
}

/** Manifests that cannot be read are put aside where no row speaks of them: they would stand in the way of every prune. */
async function readManifests(parts: EngineParts, context: JobContext): Promise<{ name: string; json: ManifestJson }[]> {
  const found: { name: string; json: ManifestJson }[] = [];
  for (const name of parts.templates.unknownManifests(manifestNames(parts.layout))) {
    try {
      const manifest = await ManifestReader.open(parts.layout, name);
      try {
        found.push({ name, json: readManifestJson(manifest, name) });
      } finally {
        await manifest.close();
      }
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      const path = manifestPath(parts.layout, name);
      await rename(path, `${path}.damaged`);
      const reason = String(error.data.reason ?? error.code);
      context.warn({ code: 'VERSION_NOT_RECOVERED', data: { path: `${path}.damaged`, reason } });
    }
  }
  return found.sort((a, b) => a.json.version.number - b.json.version.number);
}

async function bringBack(parts: EngineParts, manifest: string, json: ManifestJson, context: JobContext): Promise<void> {
  const record = (await readTemplateRecord(parts.layout, json.template.id)) ?? json.template;
  const holder = record.deletedAt === null ? parts.templates.findByName(record.name) : null;
  const name =
    holder && holder.id !== record.id ? `${record.name.slice(0, 110)} (${record.id.slice(0, 8)})` : record.name;
  try {
    const isDeleted = record.deletedVersions.includes(json.version.number);
    parts.templates.addVersion({ ...record, name }, json.version, manifest, isDeleted ? record.updatedAt : null);
  } catch (error) {
    context.warn({ code: 'VERSION_NOT_RECOVERED', data: { path: manifest, reason: (error as Error).message } });
  }
}
