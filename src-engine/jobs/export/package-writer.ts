/** Writes a Diskpress package: new packs with just this version's chunks, its manifest, what is known of it, checksums; all in one 7z. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, mkdir, open, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { packFiles } from '../../archive/pack.ts';
import type { FoundVersion } from '../../catalog/template-repository.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { JobContext } from '../../core/job-context.ts';
import { attachmentPath } from '../../store/attachment-file.ts';
import type { IndexedFrame } from '../../store/chunk-index.ts';
import { LiveChunks } from '../../store/live-chunks.ts';
import { isZeroHash } from '../../store/manifest-format.ts';
import { ManifestReader } from '../../store/manifest-reader.ts';
import { CHUNK_ENTRY_BYTES, decodeFrameHead, frameHeader, HASH_BYTES, type Frame } from '../../store/pack-format.ts';
import { packPath } from '../../store/pack-path.ts';
import { PACK_TARGET_BYTES, PackWriter } from '../../store/pack-writer.ts';
import type { PressPool } from '../../store/press-pool.ts';
import { manifestPath } from '../../store/store-layout.ts';
import { checkedAttachment } from '../../versions/attachments.ts';
import type { EngineParts } from '../engine-parts.ts';
import {
  attachmentFile,
  manifestFile,
  PACKAGE_FILES,
  packageJson,
  type PackageAbout,
} from '../../images/package-format.ts';

/** For frames that hold what belongs to other templates too: what is left of them is compressed anew. */
const LEVEL = 3;

/**
 * @param folder an empty one; everything is made in it
 * @returns the finished package
 * @throws EngineError `PACK_DAMAGED`, `CHUNK_MISSING`, `DISK_FULL`, `WRITE_FAILED`
 */
export async function writePackage(
  parts: EngineParts,
  found: FoundVersion,
  folder: string,
  password: string | null,
  pool: PressPool,
  context: JobContext,
): Promise<string> {
  const packs = await withManifests(parts, found, (manifests) => writePacks(parts, manifests, folder, pool, context));
  const version = parts.templates.soundVersion(found.manifests[0])?.record;
  if (!version) throw new EngineError('CATALOG_DAMAGED', { path: parts.layout.database, reason: 'row of a version' });
  const about: PackageAbout = {
    template: { ...parts.templates.record(found.template.id), deletedVersions: [] },
    version,
  };
  const at = (name: string) => join(folder, name);
  await writeFile(at(PACKAGE_FILES.about), JSON.stringify(packageJson(about), null, 2));
  await writeFile(at(PACKAGE_FILES.readme), readme(about));
  const manifests = found.manifests.map((_, disk) => at(manifestFile(disk)));
  for (const [disk, name] of found.manifests.entries()) {
    await copyFile(manifestPath(parts.layout, name), manifests[disk]);
  }
  const attachments: string[] = [];
  for (const [place, { file }] of version.attachments.entries()) {
    const from = attachmentPath(parts.layout, file);
    await checkedAttachment(from, file);
    attachments.push(at(attachmentFile(place)));
    await copyFile(from, attachments[place]);
  }
  const files = [at(PACKAGE_FILES.about), at(PACKAGE_FILES.readme), ...manifests, ...attachments, ...packs];
  const sizes = await Promise.all(files.map(async (path) => (await stat(path)).size));
  context.phase('exporting', 2 * sizes.reduce((sum, size) => sum + size, 0));
  const sums: string[] = [];
  for (const path of files) sums.push(`${await sha256Of(path, context)}  ${basename(path)}\n`);
  await writeFile(at(PACKAGE_FILES.sums), sums.join(''));
  const packed = at('package.7z');
  const inOrder = [...files.slice(0, 2), at(PACKAGE_FILES.sums), ...files.slice(2)];
  await packFiles(packed, inOrder, password, context.signal, (bytes) => context.advance(bytes));
  const handle = await open(packed, 'r+');
  await handle.sync().finally(() => handle.close());
  return packed;
}

/** Opens the manifests of all disks of a version for the time of some work. */
async function withManifests<T>(
  parts: EngineParts,
  { manifests }: FoundVersion,
  work: (opened: readonly ManifestReader[]) => Promise<T>,
): Promise<T> {
  const opened: ManifestReader[] = [];
  try {
    for (const name of manifests) opened.push(await ManifestReader.open(parts.layout, name));
    return await work(opened);
  } finally {
    for (const manifest of opened) await manifest.close();
  }
}

/** @returns the paths of the packs */
async function writePacks(
  parts: EngineParts,
  manifests: readonly ManifestReader[],
  folder: string,
  pool: PressPool,
  context: JobContext,
): Promise<string[]> {
  const layout = { ...parts.layout, scratch: folder, packs: join(folder, 'packs') };
  await mkdir(layout.packs);
  const live = new LiveChunks(parts.db);
  const written: string[] = [];
  let pack: PackWriter | null = null;
  const finish = async () => {
    if (!pack) return;
    const { name } = await pack.finish();
    written.push(packPath(layout, name));
    pack = null;
  };
  const append = async (frames: readonly Frame[]) => {
    for (const frame of frames) {
      pack ??= await PackWriter.create(layout);
      await pack.append(frame);
      if (pack.lengthBytes >= PACK_TARGET_BYTES) await finish();
    }
  };
  try {
    const frames = await framesOf(parts, manifests, live, context);
    context.phase(
      'exporting',
      frames.reduce((sum, frame) => sum + frame.rawBytes, 0),
    );
    const leftover: Frame[] = [];
    pool.onLeftover = (finished) => void leftover.push(...finished);
    const next = new ReadAhead(frames, pool, live);
    for (const frame of frames) {
      context.signal.throwIfAborted();
      await append(await next.take());
      await append(leftover.splice(0));
      context.advance(frame.rawBytes);
    }
    await append((await pool.request(REPACK_THREAD, { kind: 'flush', level: LEVEL })).frames);
    await append(leftover);
    await finish();
    return written;
  } finally {
    live.close();
    await (pack as PackWriter | null)?.discard().catch(() => {});
  }
}

/** Half-full frames are of one thread, which fills one with what is left of others. */
const REPACK_THREAD = 0;
const AHEAD = 4;

/** Frames of the store, each checked by its chunks' hashes, a few of them under way at once. */
class ReadAhead {
  readonly #frames: readonly IndexedFrame[];
  readonly #pool: PressPool;
  readonly #live: LiveChunks;
  readonly #started: Promise<readonly Frame[]>[] = [];
  #next = 0;

  constructor(frames: readonly IndexedFrame[], pool: PressPool, live: LiveChunks) {
    this.#frames = frames;
    this.#pool = pool;
    this.#live = live;
  }

  take(): Promise<readonly Frame[]> {
    while (this.#started.length < AHEAD && this.#next < this.#frames.length) {
      const frames = this.#read(this.#frames[this.#next++]);
      frames.catch(() => {});
      this.#started.push(frames);
    }
    return this.#started.shift()!;
  }

  async #read(place: IndexedFrame): Promise<readonly Frame[]> {
    const offsets = this.#live.offsetsIn(place.id);
    const chunks = (place.headBytes - frameHeader.size) / CHUNK_ENTRY_BYTES;
    if (offsets.length < chunks) {
      return (await this.#pool.request(REPACK_THREAD, { kind: 'repack', place, offsets, level: LEVEL })).frames;
    }
    // it is read once more below
    await this.#pool.request(this.#pool.pickThread(), { kind: 'audit', place, from: 'cache' });
    return [await readFrame(place)];
  }
}

/** A frame as it is, for another pack. */
async function readFrame({ packPath: path, offset, headBytes, storedBytes }: IndexedFrame): Promise<Frame> {
  const bytes = Buffer.alloc(headBytes + storedBytes);
  const handle = await open(path, 'r');
  try {
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, offset);
    if (bytesRead < bytes.length)
      throw new EngineError('PACK_DAMAGED', { path, offsetBytes: offset, reason: 'length' });
  } finally {
    await handle.close();
  }
  const { codec, rawBytes, payloadCrc } = decodeFrameHead(bytes);
  const table = bytes.subarray(frameHeader.size, headBytes);
  return { codec, rawBytes, table, payload: bytes.subarray(headBytes), payloadCrc };
}

/** The frames that hold the version's chunks, in their order on disk; the chunks are marked. */
async function framesOf(
  parts: EngineParts,
  manifests: readonly ManifestReader[],
  live: LiveChunks,
  { signal }: JobContext,
): Promise<IndexedFrame[]> {
  const frames = new Map<number, IndexedFrame>();
  for (const manifest of manifests) {
    for await (const { lengths, hashes } of manifest.records()) {
      signal.throwIfAborted();
      const wanted: Uint8Array[] = [];
      for (let i = 0; i < lengths.length; i++) {
        if (isZeroHash(hashes, i)) continue;
        const hash = hashes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES);
        const found = parts.index.place(hash);
        if (!found) throw new EngineError('CHUNK_MISSING', { chunk: Buffer.from(hash).toString('hex') });
        frames.set(found.frame.id, found.frame);
        wanted.push(hash);
      }
      live.mark(wanted);
    }
  }
  return [...frames.values()].sort((a, b) =>
    a.packPath < b.packPath ? -1 : a.packPath > b.packPath ? 1 : a.offset - b.offset,
  );
}

async function sha256Of(path: string, context: JobContext): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path, { signal: context.signal, highWaterMark: 1024 * 1024 })) {
    hash.update(piece as Buffer);
    context.advance((piece as Buffer).length);
  }
  return hash.digest('hex');
}

function readme({ template, version }: PackageAbout): string {
  return `This is a package of Diskpress: one version of an image template of a disk.

Template:  ${template.name}
Version:   ${version.number}, of ${version.createdAt}
${version.disks.map(({ layout }) => `Disk:      ${layout.lengthBytes} bytes, of which ${layout.usedBytes} are used`).join('\n')}

To use it, import the whole .7z file into Diskpress:
    diskpress import FILE --name NAME

7-Zip opens the file. What is in it:
    ${PACKAGE_FILES.about}   name, note and description of the template, as JSON
${version.disks.map((_, disk) => `    ${manifestFile(disk).padEnd(16)}which pieces of disk ${disk + 1} lie where`).join('\n')}
    *.dpk           the pieces, compressed with zstd
    ${PACKAGE_FILES.sums}      checksums; in the unpacked folder run: sha256sum -c ${PACKAGE_FILES.sums}
`;
}
