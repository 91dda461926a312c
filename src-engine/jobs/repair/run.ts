/**
 * Repair: rebuilds the database from packs, manifests and template records. Rows that are not what was written are replaced; what cannot
 * be read is kept, and told. Jobs and the audit log are kept where the database could be opened, and begin anew where it could not.
 */
import { rename, stat } from 'node:fs/promises';
import type { TemplateRecord } from '../../catalog/records/index.ts';
import type { JobResult } from '../../contract/job.contract.ts';
import type { Warning } from '../../contract/warnings.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { JobContext } from '../../core/job-context.ts';
import { insertPack } from '../../store/chunk-index.ts';
import { LiveChunks } from '../../store/live-chunks.ts';
import { lockWriter } from '../../store/locks.ts';
import { ManifestReader } from '../../store/manifest-reader.ts';
import { CHUNK_ENTRY_BYTES, HASH_BYTES } from '../../store/pack-format.ts';
import { packFiles, packPath } from '../../store/pack-path.ts';
import { scanPack, type ScannedPack } from '../../store/pack-scanner.ts';
import { manifestNames, manifestPath } from '../../store/store-layout.ts';
import { bringBackAttachments } from '../../versions/attachments.ts';
import type { EngineParts } from '../engine-parts.ts';
import { announcedManifests, removeLeftovers } from '../../versions/leftovers.ts';
import { eachChunk } from '../../versions/each-chunk.ts';
import { readManifestJson, type ManifestJson } from '../../versions/manifest-json.ts';
import { readTemplateRecord, writeTemplateRecord } from '../../versions/template-record-file.ts';
import { isUntold } from '../../versions/untold.ts';

interface FoundManifest {
  readonly name: string;
  readonly json: ManifestJson;
}

/** Packs as far as they can be read, and paths of those that cannot be read at all just now. */
interface FoundPacks {
  readonly scanned: readonly ScannedPack[];
  readonly unread: ReadonlySet<string>;
}

export async function runRepair(parts: EngineParts, context: JobContext): Promise<JobResult> {
  const lock = lockWriter(parts.layout, 'repair');
  try {
    // a database that was brought back from a copy does not know that these became versions
    for (const name of (await announcedManifests(parts)).finished) parts.templates.forgetDoomed(name);
    const packs = await scanPacks(parts, context);
    const { manifests, unread } = await readManifests(parts, context);
    const records = await readRecords(parts, manifests, context);
    rebuildIndex(parts, { ...packs, scanned: await withoutStrangers(parts, packs.scanned, manifests, context) });
    for (const id of records.keys()) mendTemplate(parts, id, manifests, records);
    const known = new Set(
      manifests.flatMap(({ name, json }) => [name, versionKey(json.template.id, json.version.number)]),
    );
    parts.templates.removeDamaged(
      ({ manifests: own, templateId, number }) =>
        unread > 0 && !own.some((name) => known.has(String(name))) && !known.has(versionKey(templateId, number)),
    );
    bringBackVersions(parts, manifests, records, context);
    await bringBackAttachments(parts, (path, { code, data }) =>
      context.warn({ code: 'ATTACHMENT_DAMAGED', data: { path, reason: String(data.reason ?? code) } }),
    );
    // a version that cannot be read just now may be the one that keeps its template out of the bin
    if (unread === 0) parts.templates.deleteWithoutVersions();
    parts.jobs.removeDamaged();
    parts.audit.removeDamaged();
    for (const { id } of parts.templates.revisions()) {
      if (records.get(id) !== 'unread' && parts.templates.soundRecord(id)) await writeTemplateRecord(parts, id);
    }
    await removeLeftovers(parts);
    const storedBytes = parts.index.storedBytes();
    parts.audit.add('catalog.repaired', '', { packs: packs.scanned.length, versions: manifests.length });
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

async function scanPacks(parts: EngineParts, context: JobContext): Promise<FoundPacks> {
  context.phase('scanning', 0);
  const expected = new Set(parts.index.expectedPacks());
  const packs: ScannedPack[] = [];
  const unread = new Set<string>();
  for (const { name, path } of await newestFirst(await packFiles(parts.layout))) {
    try {
      const pack = await scanPack(path, name, context.signal);
      if (pack.unread) context.warn(notRead(pack.unread));
      else if (pack.skippedBytes > 0) {
        context.warn({ code: 'DISCARDED_PACK_TAIL', data: { path, lengthBytes: pack.skippedBytes } });
      }
      if (pack.frames.length > 0) packs.push(pack);
      else if (pack.unread) unread.add(name);
      context.advance(pack.lengthBytes);
    } catch (error) {
      if (!isUntold(error)) throw error;
      unread.add(name);
      context.warn(notRead(error));
    }
  }
  // what a capture announced and did not finish is of use all the same, but never instead of what is known
  const scanned = packs.sort((a, b) => Number(expected.has(a.name)) - Number(expected.has(b.name)));
  return { scanned, unread };
}

/**
 * Packs that nobody has announced, and that hold nothing which the manifests here refer to and no other pack has, are not taken in: a
 * prune would remove them, and they may be another catalog's. A database that begins anew knows no packs at all, and takes all of them.
 */
async function withoutStrangers(
  parts: EngineParts,
  scanned: readonly ScannedPack[],
  manifests: readonly FoundManifest[],
  context: JobContext,
): Promise<readonly ScannedPack[]> {
  const known = new Set(parts.index.packNames());
  const own = new Set([...known, ...parts.index.expectedPacks()]);
  const unknown = scanned.filter(({ name }) => !own.has(name));
  if (known.size === 0 || unknown.length === 0) return scanned;
  const live = new LiveChunks(parts.db);
  try {
    for (const { name } of manifests) {
      // what is damaged of a manifest is told by a verify
      await eachChunk(parts, name, context.signal, (hashes) => live.mark(hashes)).catch((error: unknown) => {
        if (!(error instanceof EngineError) || error.code === 'ABORTED') throw error;
      });
    }
    for (const { frames } of scanned.filter(({ name }) => own.has(name))) {
      for (const { table } of frames) live.unmark(table);
    }
    const strangers = unknown.filter(({ frames }) => !frames.some(({ table }) => hasLive(live, table)));
    if (strangers.length > 0) {
      const path = packPath(parts.layout, strangers[0].name);
      context.warn({ code: 'PACKS_WITHOUT_VERSIONS', data: { files: strangers.length, path } });
    }
    return scanned.filter((pack) => !strangers.includes(pack));
  } finally {
    live.close();
  }
}

function hasLive(live: LiveChunks, table: Uint8Array): boolean {
  for (let at = 0; at < table.length; at += CHUNK_ENTRY_BYTES) {
    if (live.isLive(table.subarray(at, at + HASH_BYTES))) return true;
  }
  return false;
}

const notRead = ({ data, code }: EngineError): Warning => ({
  code: code === 'CATALOG_TOO_NEW' ? 'KEPT_NEWER' : 'KEPT_UNREAD',
  data: { path: '', ...data, reason: String(data.reason ?? code) },
});

/**
 * Packs that are not there keep their rows, set aside: they may come back. What cannot be read just now keeps its rows as they are,
 * but for chunks that are found elsewhere.
 */
function rebuildIndex(parts: EngineParts, { scanned, unread }: FoundPacks): void {
  const { db, index } = parts;
  const found = new Map(scanned.map((pack) => [pack.name, new Set(pack.frames.map(({ offset }) => offset))]));
  const inPart = new Set(scanned.filter((pack) => pack.unread).map(({ name }) => name));
  db.transaction(() => {
    const kept = index
      .framePlaces()
      .filter(({ pack, offset }) => !found.has(pack) || (inPart.has(pack) && !found.get(pack)!.has(offset)));
    for (const { id } of kept) index.setAside(id);
    const ids = JSON.stringify(kept.map(({ id }) => id));
    db.exec('DELETE FROM chunk');
    db.prepare('DELETE FROM lost_chunk WHERE frame_id NOT IN (SELECT value FROM json_each(?))').run(ids);
    db.prepare('DELETE FROM frame WHERE id NOT IN (SELECT value FROM json_each(?))').run(ids);
    db.exec('DELETE FROM pack WHERE id NOT IN (SELECT pack_id FROM frame)');
    for (const pack of scanned) insertPack(db, pack, inPart.has(pack.name));
    for (const { id, pack, isSetAside } of kept) {
      if (!isSetAside && (unread.has(pack) || inPart.has(pack))) index.takeBack(id);
    }
  })();
  index.forgetFrames();
}

/** Of a chunk that two packs hold the index keeps the first: the newer one may have been written because the older is damaged. */
async function newestFirst<P extends { path: string }>(packs: readonly P[]): Promise<P[]> {
  const dated = await Promise.all(
    packs.map(async (pack) => ({ pack, at: (await stat(pack.path).catch(() => null))?.mtimeMs ?? 0 })),
  );
  return dated.sort((a, b) => b.at - a.at).map(({ pack }) => pack);
}

/**
 * Manifests that are damaged are put aside where no row speaks of them: they would stand in the way of every prune. Those that cannot
 * be read just now stay. @returns those that can be read, in the order of their numbers, and how many cannot
 */
async function readManifests(
  parts: EngineParts,
  context: JobContext,
): Promise<{ manifests: FoundManifest[]; unread: number }> {
  const found: FoundManifest[] = [];
  let unread = 0;
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
      if (isUntold(error)) {
        unread++;
        context.warn(notRead(error));
        continue;
      }
      if (!(error instanceof EngineError) || error.code !== 'MANIFEST_DAMAGED') throw error;
      if (!unknown.has(name)) continue;
      const path = manifestPath(parts.layout, name);
      await rename(path, `${path}.damaged`);
      const reason = String(error.data.reason ?? error.code);
      context.warn({ code: 'VERSION_NOT_RECOVERED', data: { path: `${path}.damaged`, reason } });
    }
  }
  return { manifests: found.sort((a, b) => a.json.version.number - b.json.version.number), unread };
}

/** What the record files say of the templates that have manifests or rows. null: none, or not what was written. */
type Records = ReadonlyMap<string, TemplateRecord | 'unread' | null>;

async function readRecords(
  parts: EngineParts,
  manifests: readonly FoundManifest[],
  context: JobContext,
): Promise<Records> {
  const records = new Map<string, TemplateRecord | 'unread' | null>();
  for (const id of [
    ...manifests.map(({ json }) => json.template.id),
    ...parts.templates.revisions().map((row) => row.id),
  ]) {
    if (records.has(id)) continue;
    try {
      records.set(id, await readTemplateRecord(parts.layout, id));
    } catch (error) {
      if (!isUntold(error)) throw error;
      records.set(id, 'unread');
      context.warn(notRead(error));
    }
  }
  return records;
}

const versionKey = (templateId: unknown, number: unknown) => `${String(templateId)}@${String(number)}`;

/** A template's row is made anew from its file, where that is newer or the row is not what was written, or from its newest manifest. */
function mendTemplate(parts: EngineParts, id: string, manifests: readonly FoundManifest[], records: Records): void {
  const row = parts.templates.soundRecord(id);
  const file = sound(records.get(id));
  if (row && (!file || row.revision >= file.revision)) return;
  const record = file ?? manifests.findLast(({ json }) => json.template.id === id)?.json.template;
  if (record) parts.templates.replace({ ...record, name: freeName(parts, record) });
}

const sound = (record: TemplateRecord | 'unread' | null | undefined) => (record === 'unread' ? null : (record ?? null));

function freeName(parts: EngineParts, record: TemplateRecord): string {
  const holder = record.deletedAt === null ? parts.templates.nameHolder(record.name) : null;
  if (holder === null || holder === record.id) return record.name;
  return `${record.name.slice(0, 110)} (${record.id.slice(0, 8)})`;
}

/**
 * Versions of manifests that no sound row speaks of. Where two copies of a catalog have each made a version since, and come together,
 * both have the same number: the one that the template's file names keeps it, the other one becomes the newest.
 */
function bringBackVersions(
  parts: EngineParts,
  manifests: readonly FoundManifest[],
  records: Records,
  context: JobContext,
): void {
  const recordOf = ({ json }: FoundManifest) => sound(records.get(json.template.id)) ?? json.template;
  // a template's file names them in the order of their numbers
  const placeOf = (found: FoundManifest) => (recordOf(found).manifests.indexOf(found.name) + 1 || Infinity) - 1;
  const byName = manifests
    .map((found) => ({ found, place: placeOf(found) }))
    .sort((a, b) => (a.place === b.place ? 0 : a.place - b.place))
    .map(({ found }) => found);
  const second: FoundManifest[] = [];
  for (const found of byName) {
    const { template, version } = found.json;
    if (isKnown(parts, found, context)) continue;
    if (parts.templates.hasVersion(template.id, version.number)) second.push(found);
    else bringBack(parts, found, recordOf(found), version.number, context);
  }
  for (const found of second) {
    const { template, version } = found.json;
    if (isKnown(parts, found, context)) continue;
    const number = parts.templates.nextVersionNumber(template.id);
    if (!bringBack(parts, found, recordOf(found), number, context)) continue;
    const { name } = parts.templates.record(template.id);
    context.warn({ code: 'VERSION_RENUMBERED', data: { template: name, number: version.number, newNumber: number } });
  }
}

function isKnown(parts: EngineParts, { name, json }: FoundManifest, context: JobContext): boolean {
  try {
    return parts.templates.soundVersion(name)?.templateId === json.template.id;
  } catch (error) {
    if (!isUntold(error)) throw error;
    context.warn(notRead(error));
    return true;
  }
}

/** @returns whether it is there */
function bringBack(
  parts: EngineParts,
  { name, json }: FoundManifest,
  record: TemplateRecord,
  number: number,
  context: JobContext,
): boolean {
  try {
    const isDeleted = number === json.version.number && record.deletedVersions.includes(number);
    parts.templates.addVersion(
      { ...record, name: freeName(parts, record) },
      { ...json.version, number },
      isDeleted ? record.updatedAt : null,
    );
    return true;
  } catch (error) {
    context.warn({ code: 'VERSION_NOT_RECOVERED', data: { path: name, reason: (error as Error).message } });
    return false;
  }
}
