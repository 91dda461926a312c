/** Takes a Diskpress package into the catalog. Nothing in it is believed: sums, frames, chunks and the manifest are all checked. */
import { randomUUID } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArchiveEntry } from '../../archive/list-archive.ts';
import { unpackEntry } from '../../archive/unpack.ts';
import type { TemplateRecord, VersionRecord } from '../../catalog/records.ts';
import { newTemplateRecord } from '../../catalog/template-repository.ts';
import type { JobResult } from '../../contract/job.contract.ts';
import type { TemplateView } from '../../contract/template.contract.ts';
import { EngineError, toEngineError } from '../../core/engine-error.ts';
import type { JobContext } from '../../core/job-context.ts';
import { openFileSource } from '../../formats/raw/file-source.ts';
import { ManifestReader } from '../../store/manifest-reader.ts';
import { ManifestWriter } from '../../store/manifest-writer.ts';
import type { EngineParts } from '../engine-parts.ts';
import { windowsInOrder } from '../export/ordered-windows.ts';
import { removeOwnManifest } from '../leftovers.ts';
import { readManifestJson, type ManifestJson } from '../manifest-json.ts';
import { PACK_FILE, PACKAGE_FILES, type PackageAbout } from '../package-format.ts';
import { writeTemplateRecord } from '../template-record-file.ts';
import { chunksOf } from '../window-chunks.ts';
import { AdoptedPacks } from './adopted-packs.ts';
import type { Scratch } from './image-files.ts';
import { hashOfPart } from './image-place.ts';
import type { ImportRequest } from './import-form.ts';
import type { FoundPackage } from './opened-image.ts';

const MAX_SUMS_BYTES = 16 * 1024 * 1024;

export interface Destination {
  readonly name: string;
  /** what gets a new version; null: a new template */
  readonly existing: TemplateView | null;
}

/** A package of a template that is here is a new version of that one, whatever its name is by now. */
export function destinationOf(parts: EngineParts, name: string, about: PackageAbout | null): Destination {
  const same = about && parts.templates.list(false).find(({ id }) => id === about.template.id);
  if (same) return { name: same.name, existing: same };
  return { name, existing: parts.templates.findByName(name) };
}

/** @throws EngineError `FORMAT_INVALID` with the file's name, `MANIFEST_DAMAGED`, `PACK_DAMAGED`, `CHUNK_MISSING`, `DISK_FULL` */
export async function importPackage(
  parts: EngineParts,
  name: string,
  request: ImportRequest,
  found: FoundPackage,
  scratch: Scratch,
  beforePublishing: () => Promise<void>,
  context: JobContext,
): Promise<JobResult> {
  const files = new PackageFiles(found, scratch, context);
  const packs = found.entries.filter((entry) => PACK_FILE.test(entry.name));
  const pool = parts.presses.forJob(context.signal);
  const adopted = new AdoptedPacks(parts, pool, context);
  const versionId = randomUUID();
  let written: ManifestWriter | null = null;
  try {
    await files.readSums();
    context.phase(
      'unpacking',
      packs.reduce((sum, { lengthBytes }) => sum + (lengthBytes ?? 0), 0),
    );
    const manifestFile = await files.take(PACKAGE_FILES.manifest, 'manifest.dpm');
    for (const { name: pack } of packs) {
      const path = await files.take(pack, pack);
      await adopted.add(path, pack);
      await rm(path);
    }
    await adopted.finish();

    context.phase('verifying', 0);
    const layout = { ...parts.layout, manifests: scratch.folder };
    const reader = await ManifestReader.open(layout, 'manifest');
    let json: ManifestJson;
    try {
      const original = readManifestJson(reader, manifestFile);
      if (original.version.capacityBytes !== original.version.disk.lengthBytes) {
        throw new EngineError('MANIFEST_DAMAGED', { path: manifestFile, reason: 'capacity' });
      }
      await checkWindows(parts, reader, original, context);
      await beforePublishing();
      context.phase('publishing', 0);
      json = newJson(parts, name, request, found.about, original, adopted.newBytes);
      written = await ManifestWriter.create(parts.layout, versionId);
      for await (const record of reader.records()) await written.add(record);
    } finally {
      await reader.close();
    }
    parts.templates.expectManifest(versionId);
    await written.finish(json);
    parts.templates.addVersion(json.template, json.version, versionId);
    adopted.keep();
    if (!adopted.hasShared) parts.templates.setHealth(versionId, 'verified', new Date().toISOString());
    await writeTemplateRecord(parts, json.template.id);
    parts.audit.add('template.imported', json.template.name, {
      templateId: json.template.id,
      version: json.version.number,
      source: request.path,
      format: 'package',
      newBytes: adopted.newBytes,
      overridden: [],
    });
    return {
      templateId: json.template.id,
      versionNumber: json.version.number,
      processedBytes: json.version.usedBytes,
      storedBytes: adopted.newBytes,
      verifiedBytes: adopted.verifiedBytes,
      readBack: 'none',
      damagedTemplates: [],
    };
  } catch (error) {
    await written?.discard().catch(() => {});
    await adopted.takeBack();
    await removeOwnManifest(parts, versionId).catch(() => {});
    throw toEngineError(error);
  } finally {
    await pool.close();
  }
}

/** Windows lie in their regions, the index can find them, every chunk is in the store with its length. */
async function checkWindows(parts: EngineParts, reader: ManifestReader, json: ManifestJson, { signal }: JobContext) {
  let last = { region: 0, window: -1 };
  for await (const record of reader.records()) {
    signal.throwIfAborted();
    const isAscending = record.region > last.region || (record.region === last.region && record.window > last.window);
    if (!isAscending) throw new EngineError('MANIFEST_DAMAGED', { path: '', reason: 'order' });
    last = record;
    chunksOf(parts.index, record);
  }
  for await (const step of windowsInOrder(reader, json)) void step;
}

function newJson(
  parts: EngineParts,
  name: string,
  request: ImportRequest,
  about: PackageAbout,
  original: ManifestJson,
  newBytes: number,
): ManifestJson {
  const now = new Date().toISOString();
  const { existing } = destinationOf(parts, name, about);
  const { note, tags, kind, licence, owner, policy } = about.template;
  const fresh: TemplateRecord = newTemplateRecord(
    {
      name,
      note: request.note || note,
      tags: request.tags.length > 0 ? request.tags : tags,
      kind,
      licence: request.licence === 'own' ? 'own' : licence,
      owner,
      policy,
    },
    now,
  );
  // one that waits in the bin keeps its id
  const isIdFree = !parts.templates.list(true).some(({ id }) => id === about.template.id);
  const template = existing
    ? { ...parts.templates.record(existing.id), updatedAt: now }
    : { ...fresh, id: isIdFree ? about.template.id : fresh.id };
  const version: VersionRecord = {
    ...original.version,
    number: existing ? parts.templates.nextVersionNumber(existing.id) : 1,
    newBytes,
    storedBytes: Math.max(original.version.storedBytes, newBytes),
  };
  return { template, version, regions: original.regions };
}

/** Files of a package, unpacked one by one and compared with its checksums. */
class PackageFiles {
  readonly #found: FoundPackage;
  readonly #scratch: Scratch;
  readonly #context: JobContext;
  readonly #sums = new Map<string, string>();

  constructor(found: FoundPackage, scratch: Scratch, context: JobContext) {
    this.#found = found;
    this.#scratch = scratch;
    this.#context = context;
  }

  async readSums(): Promise<void> {
    const path = await this.#unpack(this.#entry(PACKAGE_FILES.sums), 'sums', MAX_SUMS_BYTES);
    for (const line of (await readFile(path, 'utf8')).split('\n')) {
      const [, sum, name] = /^([\da-f]{64}) [ *](.+)$/.exec(line) ?? [];
      if (name !== undefined) this.#sums.set(name, sum);
    }
  }

  /** @returns the path of a file in the scratch folder @throws EngineError `FORMAT_INVALID` where its sum is wrong or missing */
  async take(name: string, to: string): Promise<string> {
    const path = await this.#unpack(this.#entry(name), to, this.#scratch.limits.maxBytes);
    const source = await openFileSource(path);
    const quiet = { signal: this.#context.signal, advance() {} };
    const sum = await hashOfPart('sha256', source, 0, source.lengthBytes, quiet).finally(() => source.close());
    if (sum !== this.#sums.get(name))
      throw new EngineError('FORMAT_INVALID', { path: name, field: 'checksum', value: name });
    return path;
  }

  #entry(name: string): ArchiveEntry {
    const entry = this.#found.entries.find((other) => other.name === name);
    if (!entry)
      throw new EngineError('FORMAT_INVALID', { path: this.#found.archive.path, field: name, value: 'missing' });
    return entry;
  }

  async #unpack(entry: ArchiveEntry, to: string, maxBytes: number): Promise<string> {
    const path = join(this.#scratch.folder, to);
    const limits = { ...this.#scratch.limits, maxBytes: Math.min(maxBytes, this.#scratch.limits.maxBytes) };
    const packedBytes = entry.packedBytes ?? entry.lengthBytes ?? 0;
    const { signal, advance } = this.#context;
    await unpackEntry(this.#found.archive, entry, path, packedBytes, limits, signal, (bytes) => advance(bytes));
    return path;
  }
}
