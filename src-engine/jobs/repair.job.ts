/**
 * Repair: rebuilds the database from packs, manifests and template records. What it cannot read it leaves where it is and
 * says so. Jobs and the audit log are kept where the database could be opened, and begin anew where it could not.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobResult } from '../contract/job.contract.ts';
import { EngineError } from '../core/engine-error.ts';
import type { JobContext } from '../core/job-context.ts';
import { insertPack } from '../store/chunk-index.ts';
import { lockWriter } from '../store/locks.ts';
import { ManifestReader } from '../store/manifest-reader.ts';
import { packPath } from '../store/pack-path.ts';
import { scanPack } from '../store/pack-scanner.ts';
import type { EngineParts } from './engine-parts.ts';
import { readManifestJson, type ManifestJson } from './manifest-json.ts';
import { clearScratch } from './scratch.ts';
import { readTemplateRecord } from './template-record-file.ts';

export async function runRepair(parts: EngineParts, context: JobContext): Promise<JobResult> {
  const lock = lockWriter(parts.layout, 'repair');
  try {
    await clearScratch(parts.layout);
    context.phase('scanning', 0);
    const packs = await scanPacks(parts, context);
    const manifests = await readManifests(parts, context);
    parts.db.transaction(() => {
      parts.db.exec('DELETE FROM chunk; DELETE FROM frame; DELETE FROM pack');
      for (const pack of packs) insertPack(parts.db, pack);
    })();
    parts.index.forgetFrames();
    for (const { name, json } of manifests) await bringBack(parts, name, json, context);
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
  for (const folder of (await readdir(parts.layout.packs)).sort()) {
    for (const file of (await readdir(join(parts.layout.packs, folder))).sort()) {
      const name = file.replace(/\.dpk$/, '');
      const path = packPath(parts.layout, name);
      const pack = await scanPack(path, name, context.signal);
      if (pack === null || pack.skippedBytes > 0) {
        context.warn({ code: 'DISCARDED_PACK_TAIL', data: { path, lengthBytes: pack?.skippedBytes ?? 0 } });
      }
      if (pack) packs.push(pack);
      context.advance(pack?.lengthBytes ?? 0);
    }
  }
  return packs;
}

async function readManifests(parts: EngineParts, context: JobContext): Promise<{ name: string; json: ManifestJson }[]> {
  const doomed = new Set(parts.templates.doomedManifests());
  const found: { name: string; json: ManifestJson }[] = [];
  for (const file of await readdir(parts.layout.manifests)) {
    const name = file.endsWith('.dpm') ? file.slice(0, -4) : null;
    if (name === null || doomed.has(name)) continue;
    try {
      const manifest = await ManifestReader.open(parts.layout, name);
      try {
        found.push({ name, json: readManifestJson(manifest, name) });
      } finally {
        await manifest.close();
      }
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      context.warn({
        code: 'VERSION_NOT_RECOVERED',
        data: { path: file, reason: String(error.data.reason ?? error.code) },
      });
    }
  }
  return found.sort((a, b) => a.json.version.number - b.json.version.number);
}

async function bringBack(parts: EngineParts, manifest: string, json: ManifestJson, context: JobContext): Promise<void> {
  if (parts.templates.manifests().some((row) => row.manifest === manifest)) return;
  const record = (await readTemplateRecord(parts.layout, json.template.id)) ?? json.template;
  const holder = record.deletedAt === null ? parts.templates.findByName(record.name) : null;
  const name =
    holder && holder.id !== record.id ? `${record.name.slice(0, 110)} (${record.id.slice(0, 8)})` : record.name;
  try {
    parts.templates.addVersion({ ...record, name }, json.version, manifest);
    if (record.deletedVersions.includes(json.version.number))
      parts.templates.delete(`${record.id}@${json.version.number}`);
  } catch (error) {
    context.warn({ code: 'VERSION_NOT_RECOVERED', data: { path: manifest, reason: (error as Error).message } });
  }
}
