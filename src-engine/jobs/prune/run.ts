/**
 * Prune: empties the bin and reclaims what nobody refers to any more. Packs that are mostly dead are written anew; old files go
 * only when the index no longer speaks of them and nobody reads them. A crash at any moment leaves every version whole.
 */
import { rmSync } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { refuseUnsound } from '../../catalog/database.ts';
import type { JobResult } from '../../contract/job.contract.ts';
import { EngineError, ioError } from '../../core/engine-error.ts';
import type { JobContext } from '../../core/job-context.ts';
import { attachmentPath } from '../../store/attachment-file.ts';
import type { IndexedFrame } from '../../store/chunk-index.ts';
import { syncFolderNow } from '../../core/durable.ts';
import { forgetCondemnedChunks, LiveChunks, type PackUse } from '../../store/live-chunks.ts';
import { lockWriter, withoutReaders } from '../../store/locks.ts';
import { ManifestReader } from '../../store/manifest-reader.ts';
import { CHUNK_ENTRY_BYTES, HASH_BYTES } from '../../store/pack-format.ts';
import { packPath } from '../../store/pack-path.ts';
import { scanPack } from '../../store/pack-scanner.ts';
import { PACK_TARGET_BYTES, PackWriter, type WrittenPack } from '../../store/pack-writer.ts';
import type { PressPool } from '../../store/press-pool.ts';
import { keepReserve, releaseReserve } from '../../store/reserve.ts';
import { manifestNames, manifestPath } from '../../store/store-layout.ts';
import { auditFrames } from '../../versions/audit-frames.ts';
import { recheckPack } from '../../versions/recheck-frames.ts';
import type { EngineParts } from '../engine-parts.ts';
import { removeDoomedManifests, removeLeftovers } from '../../versions/leftovers.ts';
import { eachChunk } from '../../versions/each-chunk.ts';
import { readManifestJson } from '../../versions/manifest-json.ts';
import { naming } from '../../versions/naming.ts';
import { olderDatabase } from '../../versions/older-database.ts';
import { takeBack } from '../../versions/take-back.ts';
import { readTemplateRecord, templateRecordPath } from '../../versions/template-record-file.ts';

/** A pack is written anew where less than this part of it is alive. */
const REPACK_BELOW = 0.7;

/**
 * @throws EngineError `CATALOG_BUSY`; `CATALOG_DAMAGED` where a repair must come first; `CHUNK_MISSING`, `PACK_DAMAGED`,
 *   `MANIFEST_DAMAGED`, `READ_FAILED`, `PERMISSION_DENIED`, `CATALOG_TOO_NEW` where not all that lives is found: nothing was removed then
 */
export async function runPrune(parts: EngineParts, context: JobContext): Promise<JobResult> {
  const lock = lockWriter(parts.layout, 'prune');
  releaseReserve(parts.layout);
  const pool = parts.presses.forJob(context.signal);
  const live = new LiveChunks(parts.db);
  try {
    refuseUnsound(parts.db, parts.layout.database);
    parts.templates.checkAllRows();
    await removeLeftovers(parts);
    await refuseUnknownManifests(parts);
    await refuseNewerRecords(parts);
    const before = parts.index.storedBytes();
    await takeBack(parts, pool, context);

    context.phase('marking', 0);
    const kept = parts.templates.manifests().filter((row) => !row.isDeleted);
    for (const { manifest, templateName } of kept) {
      await naming(templateName, () => mark(parts, manifest, live, context.signal));
    }
    await refuseMissing(parts, kept, live, context.signal);
    const packs = live.packs();
    const old = packs.filter((pack) => pack.liveRawBytes < pack.rawBytes * REPACK_BELOW || pack.liveRawBytes === 0);
    const unknown = await unknownFiles(parts);
    const accounted: PackUse[] = [];
    for (const pack of old) {
      if (await isAccountedFor(parts, pool, pack.name, live, context)) accounted.push(pack);
      else unknown.push(packPath(parts.layout, pack.name));
    }
    if (unknown.length > 0)
      context.warn({ code: 'UNKNOWN_FILES_KEPT', data: { files: unknown.length, path: unknown[0] } });
    const dead = accounted.filter((pack) => pack.liveRawBytes === 0);
    const worn = accounted.filter((pack) => pack.liveRawBytes > 0);
    context.signal.throwIfAborted();

    const gone = parts.templates.emptyBin();
    await removeDoomedManifests(parts);
    for (const id of gone) await rm(templateRecordPath(parts.layout, id), { force: true });

    // first what is dead as a whole: on a disk that is nearly full its room is needed for what is written anew
    live.condemn(dead.map((pack) => pack.name));
    withoutReaders(parts.layout, () => removeCondemned(parts, live));
    forgetCondemnedChunks(parts.db);

    context.phase(
      'repacking',
      worn.reduce((sum, pack) => sum + pack.rawBytes, 0),
    );
    for (const written of await repack(parts, pool, worn, live, context)) live.replace(written);
    live.condemn(worn.map((pack) => pack.name));
    const areGone = withoutReaders(parts.layout, () => removeCondemned(parts, live));
    forgetCondemnedChunks(parts.db);
    if (!areGone) context.warn({ code: 'PACKS_KEPT_FOR_READERS', data: { packs: dead.length + worn.length } });
    parts.index.forgetFrames();

    const reclaimedBytes = Math.max(0, before - parts.index.storedBytes());
    parts.audit.add('catalog.pruned', '', { reclaimedBytes });
    return {
      templateId: null,
      versionNumber: null,
      processedBytes: before,
      storedBytes: reclaimedBytes,
      verifiedBytes: 0,
      readBack: 'none',
      damagedTemplates: [],
    };
  } finally {
    live.close();
    await pool.close();
    keepReserve(parts.layout);
    lock.release();
  }
}

/** A database that has lost rows must not decide what is garbage: a repair brings them back first. */
async function refuseUnknownManifests(parts: EngineParts): Promise<void> {
  for (const name of parts.templates.unknownManifests(manifestNames(parts.layout))) {
    // one that a later Diskpress wrote says so
    const manifest = await ManifestReader.open(parts.layout, name);
    try {
      readManifestJson(manifest, name);
    } finally {
      await manifest.close();
    }
    throw damagedCatalog(manifestPath(parts.layout, name), 'unknown manifest');
  }
}

/** A database that was brought back from a copy may have in its bin what has been taken out of it since. */
async function refuseNewerRecords(parts: EngineParts): Promise<void> {
  for (const { id } of parts.templates.revisions()) {
    const record = await readTemplateRecord(parts.layout, id);
    // the row is asked last: another process may change a template meanwhile, and changes its row before its file
    const revision = parts.templates.revisionOf(id);
    if (record && revision !== null && record.revision > revision) {
      throw olderDatabase(templateRecordPath(parts.layout, id));
    }
  }
}

function damagedCatalog(path: string, reason: string): EngineError {
  return new EngineError('CATALOG_DAMAGED', { path, reason }, 'Run: diskpress repair');
}

/** Everything that is referred to must be in packs that are there, as long as they must be. */
async function refuseMissing(
  parts: EngineParts,
  versions: readonly { manifest: string; templateName: string }[],
  live: LiveChunks,
  signal: AbortSignal,
): Promise<void> {
  if (live.missing() > 0) {
    for (const { manifest, templateName } of versions) {
      await naming(templateName, () =>
        eachChunk(parts, manifest, signal, (hashes) => {
          const missing = hashes.find((hash) => !parts.index.place(hash));
          if (missing) throw new EngineError('CHUNK_MISSING', { chunk: Buffer.from(missing).toString('hex') });
        }),
      );
    }
    throw damagedCatalog(parts.layout.database, 'index');
  }
  for (const { name, lengthBytes } of live.neededPacks()) {
    const path = packPath(parts.layout, name);
    const stats = await stat(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') throw new EngineError('CHUNK_MISSING', { path }, '', { cause: error });
      throw ioError(error, 'READ_FAILED', { path, offsetBytes: 0 });
    });
    if (stats.size < lengthBytes) {
      throw new EngineError('PACK_DAMAGED', { path, offsetBytes: stats.size, reason: 'pack length' });
    }
  }
}

/**
 * Whether a pack holds what the index says, so that it may go. What it has of living chunks must be whole where the index finds
 * them: it could be the only good copy.
 * @throws EngineError `PACK_DAMAGED`, `CHUNK_MISSING` where the copy that would stay is not good
 */
async function isAccountedFor(
  parts: EngineParts,
  pool: PressPool,
  name: string,
  live: LiveChunks,
  context: JobContext,
): Promise<boolean> {
  const path = packPath(parts.layout, name);
  const known = new Map([...parts.index.frames(name)].map((frame) => [frame.offset, frame]));
  let scanned;
  try {
    scanned = await scanPack(path, name, context.signal);
  } catch (error) {
    context.signal.throwIfAborted();
    // without a file there is nothing to remove but rows, which nobody refers to
    return error instanceof EngineError && error.code === 'NOT_FOUND';
  }
  if (scanned.unread) return false;
  const others = new Map<number, IndexedFrame>();
  for (const { offset, storedBytes, table } of scanned.frames) {
    const frame = known.get(offset);
    if (frame?.storedBytes !== storedBytes) return false;
    for (let at = 0; at < table.length; at += CHUNK_ENTRY_BYTES) {
      const hash = table.subarray(at, at + HASH_BYTES);
      const place = live.isLive(hash) ? parts.index.place(hash) : null;
      if (place && place.frame.id !== frame.id) others.set(place.frame.id, place.frame);
    }
  }
  if (others.size > 0) await auditFrames(pool, parts.index, [...others.values()], context);
  return true;
}

/** What lies in the folders of packs and manifests and is not ours, or not of a kind that we know. */
async function unknownFiles(parts: EngineParts): Promise<string[]> {
  const { packs, manifests } = parts.layout;
  const packsKnown = new Set(parts.index.packNames().map((name) => packPath(parts.layout, name)));
  const inPacks = await readdir(packs, { recursive: true, withFileTypes: true });
  const templates = new Set(parts.templates.manifests().map((row) => `${row.templateId}.json`));
  const attachments = new Set(parts.templates.attachments().map(({ file }) => attachmentPath(parts.layout, file)));
  const inManifests = await readdir(manifests);
  return [
    ...inPacks
      .filter((entry) => !entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((path) => !packsKnown.has(path)),
    ...inManifests
      .filter((name) => !name.endsWith('.dpm') && !templates.has(name) && !attachments.has(join(manifests, name)))
      .map((name) => join(manifests, name)),
  ];
}

async function mark(parts: EngineParts, name: string, live: LiveChunks, signal: AbortSignal): Promise<void> {
  await eachChunk(parts, name, signal, (hashes) => live.mark(hashes));
}

/** Writes the living chunks of worn packs into new packs. @returns those, durable but not yet in the index */
async function repack(
  parts: EngineParts,
  pool: PressPool,
  worn: readonly PackUse[],
  live: LiveChunks,
  context: JobContext,
) {
  const written: WrittenPack[] = [];
  let writer: PackWriter | null = null;
  // the old packs go: the medium must hold what takes their place
  const end = async (pack: PackWriter) => {
    parts.index.expectPack(pack.name);
    const last = await pack.finish();
    written.push(last);
    await recheckPack(pool, parts.layout, last, context.signal);
  };
  try {
    const append = async (frames: readonly Parameters<PackWriter['append']>[0][]) => {
      for (const frame of frames) {
        writer ??= await PackWriter.create(parts.layout);
        await writer.append(frame);
        if (writer.lengthBytes < PACK_TARGET_BYTES) continue;
        await end(writer);
        writer = null;
      }
    };
    for (const pack of worn) {
      for (const frame of parts.index.frames(pack.name)) {
        context.signal.throwIfAborted();
        const offsets = live.offsetsIn(frame.id);
        if (offsets.length > 0) {
          await append((await pool.request(0, { kind: 'repack', place: frame, offsets, level: 3 })).frames);
        }
        context.advance(frame.rawBytes);
      }
    }
    await append((await pool.request(0, { kind: 'flush', level: 3 })).frames);
    if (writer) await end(writer);
    return written;
  } catch (error) {
    await (writer as PackWriter | null)?.discard();
    for (const { name } of written) await rm(packPath(parts.layout, name), { force: true });
    throw error;
  }
}

function removeCondemned(parts: EngineParts, live: LiveChunks): void {
  const names = live.condemned();
  for (const name of names) rmSync(packPath(parts.layout, name), { force: true });
  // a power cut must not bring back a file whose rows are gone
  for (const folder of new Set(names.map((name) => dirname(packPath(parts.layout, name))))) syncFolderNow(folder);
  forgetCondemnedChunks(parts.db);
  for (const name of names) live.forgetPack(name);
}
