/** Takes a Diskpress package into the catalog. Nothing in it is believed: sums, frames, chunks and the manifest are all checked. */
import { randomUUID } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArchiveEntry } from '../../archive/list-archive.ts';
import { unpackEntry } from '../../archive/unpack.ts';
import {
  usedBytesOf,
  type AttachmentRecord,
  type TemplateRecord,
  type VersionRecord,
} from '../../catalog/records/index.ts';
import { newTemplateRecord } from '../../catalog/template-repository.ts';
import type { MessageData } from '../../contract/errors.ts';
import type { JobResult } from '../../contract/job.contract.ts';
import { MAX_ATTACHMENTS_BYTES, type TemplateView } from '../../contract/template.contract.ts';
import { EngineError, toEngineError } from '../../core/engine-error.ts';
import type { JobContext } from '../../core/job-context.ts';
import { openFileSource } from '../../formats/raw/file-source.ts';
import { writeAttachmentFile } from '../../store/attachment-file.ts';
import { ManifestReader } from '../../store/manifest-reader.ts';
import { ManifestWriter } from '../../store/manifest-writer.ts';
import { checkedAttachment } from '../../versions/attachments.ts';
import type { EngineParts } from '../engine-parts.ts';
import { windowsInOrder } from '../../versions/ordered-windows.ts';
import { removeOwnManifests } from '../../versions/leftovers.ts';
import { manifestJson, readManifestJson, type ManifestJson } from '../../versions/manifest-json.ts';
import {
  attachmentFile,
  manifestFile,
  PACK_FILE,
  PACKAGE_FILES,
  type PackageAbout,
} from '../../images/package-format.ts';
import { refuseOlderThanFile, writeTemplateRecord } from '../../versions/template-record-file.ts';
import { chunksOf } from '../../versions/window-chunks.ts';
import { AdoptedPacks } from './adopted-packs.ts';
import type { Scratch } from '../../images/image-files.ts';
import { hashOfPart } from '../../images/image-place.ts';
import type { ImportRequest } from './form.ts';
import { nameIfSent } from './sent-name.ts';
import type { FoundPackage } from '../../images/opened-image.ts';

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

/** @param asked the name that a person gave it @returns what is to be told where it is not used */
export function otherName(asked: string, { name, existing }: Destination): MessageData | null {
  return existing !== null && existing.name !== asked ? { name: asked, template: name } : null;
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
  const destination = destinationOf(parts, name, found.about);
  const { existing } = destination;
  const other = otherName(request.name, destination);
  if (other) context.warn({ code: 'IMPORT_NAME_NOT_USED', data: other });
  if (existing) await refuseOlderThanFile(parts, existing.id);
  const files = new PackageFiles(found, scratch, context);
  const packs = found.entries.filter((entry) => PACK_FILE.test(entry.name));
  const pool = parts.presses.forJob(context.signal);
  const adopted = new AdoptedPacks(parts, pool, context);
  const names = found.about.version.disks.map(() => randomUUID());
  const written: ManifestWriter[] = [];
  /** names of the attachments' files */
  const copies: string[] = [];
  try {
    await files.readSums();
    context.phase(
      'unpacking',
      packs.reduce((sum, { lengthBytes }) => sum + (lengthBytes ?? 0), 0),
    );
    for (const disk of names.keys()) await files.take(manifestFile(disk), manifestFile(disk));
    for (const { name: pack } of packs) {
      const path = await files.take(pack, pack);
      await adopted.add(path, pack);
      await rm(path);
    }
    await adopted.finish();

    context.phase('verifying', 0);
    const layout = { ...parts.layout, manifests: scratch.folder };
    const readers: ManifestReader[] = [];
    let version: VersionRecord;
    let template: TemplateRecord;
    try {
      const originals: ManifestJson[] = [];
      for (const disk of names.keys()) {
        const file = manifestFile(disk);
        readers.push(await ManifestReader.open(layout, file.replace('.dpm', '')));
        originals.push(readManifestJson({ json: readers[disk].json, path: file }, file));
        refuseOtherDisk(originals[disk], disk, names.length, file);
        await checkWindows(parts, readers[disk], originals[disk], context);
      }
      await beforePublishing();
      context.phase('publishing', 0);
      ({ template, version } = newRecords(parts, name, request, found.about, originals, names, adopted.newBytes));
      for (const [disk, reader] of readers.entries()) {
        written.push(await ManifestWriter.create(parts.layout, names[disk]));
        for await (const record of reader.records()) await written[disk].add(record);
      }
      const attachments: AttachmentRecord[] = [];
      for (const place of found.about.version.attachments.keys()) {
        const file = await files.take(attachmentFile(place), attachmentFile(place));
        const { attachment, content } = await checkedAttachment(file, null);
        const copy = { ...attachment, file: randomUUID() };
        copies.push(copy.file);
        parts.templates.expectManifest(copy.file);
        await writeAttachmentFile(parts.layout, copy.file, { manifest: names[0], attachment: copy }, content);
        attachments.push(copy);
      }
      if (attachments.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0) > MAX_ATTACHMENTS_BYTES) {
        throw new EngineError('FORMAT_INVALID', { path: PACKAGE_FILES.about, field: 'attachments', value: 'length' });
      }
      version = { ...version, attachments };
      for (const own of names) parts.templates.expectManifest(own);
      for (const [i, disk] of version.disks.entries()) {
        await written[i].finish(manifestJson({ template, version, disk, regions: originals[i].regions }));
      }
    } finally {
      for (const reader of readers) await reader.close();
    }
    parts.templates.addVersion(template, version);
    for (const { file } of version.attachments) parts.templates.forgetDoomed(file);
    adopted.keep();
    if (!adopted.hasShared) {
      const at = new Date().toISOString();
      for (const own of names) parts.templates.setHealth(own, 'verified', at);
    }
    await writeTemplateRecord(parts, template.id);
    parts.audit.add('template.imported', template.name, {
      templateId: template.id,
      version: version.number,
      source: await nameIfSent(parts.layout, request.path),
      format: 'package',
      newBytes: adopted.newBytes,
      overridden: [],
    });
    return {
      templateId: template.id,
      versionNumber: version.number,
      processedBytes: usedBytesOf(version),
      storedBytes: adopted.newBytes,
      verifiedBytes: adopted.verifiedBytes,
      readBack: 'none',
      damagedTemplates: [],
    };
  } catch (error) {
    for (const manifest of written) await manifest.discard().catch(() => {});
    await adopted.takeBack();
    await removeOwnManifests(parts, [...names, ...copies]).catch(() => {});
    throw toEngineError(error);
  } finally {
    await pool.close();
  }
}

/** @throws EngineError `MANIFEST_DAMAGED` where it is not the manifest of that disk, of so many */
function refuseOtherDisk({ version, disk }: ManifestJson, place: number, count: number, file: string): void {
  if (version.disks.length !== count || version.disks[place] !== disk) {
    throw new EngineError('MANIFEST_DAMAGED', { path: file, reason: 'disk' });
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

function newRecords(
  parts: EngineParts,
  name: string,
  request: ImportRequest,
  about: PackageAbout,
  originals: readonly ManifestJson[],
  names: readonly string[],
  newBytes: number,
): Pick<ManifestJson, 'template' | 'version'> {
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
  const [original] = originals;
  const version: VersionRecord = {
    ...original.version,
    disks: originals.map(({ disk }, i) => ({ ...disk, manifest: names[i] })),
    number: existing ? parts.templates.nextVersionNumber(existing.id) : 1,
    newBytes,
    storedBytes: Math.max(original.version.storedBytes, newBytes),
  };
  return { template, version };
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
