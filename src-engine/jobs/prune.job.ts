/**
 * Prune: empties the bin and reclaims what nobody refers to any more. Packs that are mostly dead are written anew; old files go
 * only when the index no longer speaks of them and nobody reads them. A crash at any moment leaves every version whole.
 */
import { readdir, rm } from 'node:fs/promises';
import { rmSync } from 'node:fs';
import type { JobResult } from '../contract/job.contract.ts';
import { EngineError } from '../core/engine-error.ts';
import type { JobContext } from '../core/job-context.ts';
import { lockWriter, withoutReaders } from '../store/locks.ts';
import { isZeroHash } from '../store/manifest-format.ts';
import { naming } from './naming.ts';
import { ManifestReader } from '../store/manifest-reader.ts';
import { HASH_BYTES } from '../store/pack-format.ts';
import { packFiles, packPath } from '../store/pack-path.ts';
import { manifestNames, manifestPath } from '../store/store-layout.ts';
import { PACK_TARGET_BYTES, PackWriter } from '../store/pack-writer.ts';
import { PressPool } from '../store/press-pool.ts';
import { LiveChunks, type PackUse } from '../store/live-chunks.ts';
import type { EngineParts } from './engine-parts.ts';
import { removeDoomedManifests, removeLeftovers } from './leftovers.ts';
import { templateRecordPath } from './template-record-file.ts';

/** A pack is written anew where less than this part of it is alive. */
const REPACK_BELOW = 0.7;

/** @throws EngineError `CATALOG_BUSY`, `CATALOG_DAMAGED` where a repair must come first */
export async function runPrune(parts: EngineParts, context: JobContext): Promise<JobResult> {
  const lock = lockWriter(parts.layout, 'prune');
  const pool = new PressPool(parts.pressUrl, context.signal);
  const live = new LiveChunks(parts.db);
  try {
    await removeLeftovers(parts);
    refuseUnknownManifests(parts);
    await removeOrphans(parts, live);
    const before = parts.index.storedBytes();
    parts.templates.emptyBin();
    await removeDoomedManifests(parts);
    await removeTemplateRecords(parts);

    context.phase('marking', 0);
    for (const { manifest, templateName } of parts.templates.manifests()) {
      await naming(templateName, () => mark(parts, manifest, live, context.signal));
    }
    const packs = live.packs();
    const dead = packs.filter((pack) => pack.liveRawBytes === 0);
    const worn = packs.filter((pack) => pack.liveRawBytes > 0 && pack.liveRawBytes < pack.rawBytes * REPACK_BELOW);

    // first what is dead as a whole: on a disk that is nearly full its room is needed for what is written anew
    live.condemn(dead.map((pack) => pack.name));
    withoutReaders(parts.layout, () => removeCondemned(parts, live));

    context.phase(
      'repacking',
      worn.reduce((sum, pack) => sum + pack.rawBytes, 0),
    );
    for (const written of await repack(parts, pool, worn, live, context)) live.replace(written);
    live.condemn(worn.map((pack) => pack.name));
    const areGone = withoutReaders(parts.layout, () => removeCondemned(parts, live));
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
    lock.release();
  }
}

/** A database that has lost rows must not decide what is garbage: a repair brings them back first. */
function refuseUnknownManifests(parts: EngineParts): void {
  const [unknown] = parts.templates.unknownManifests(manifestNames(parts.layout));
  if (unknown === undefined) return;
  throw new EngineError('CATALOG_DAMAGED', { path: manifestPath(parts.layout, unknown), reason: 'unknown manifest' });
}

/** Records of templates that are gone. */
async function removeTemplateRecords(parts: EngineParts): Promise<void> {
  const kept = new Set(parts.templates.manifests().map((row) => row.templateId));
  for (const file of await readdir(parts.layout.manifests)) {
    const id = file.endsWith('.json') ? file.slice(0, -5) : null;
    if (id !== null && !kept.has(id)) await rm(templateRecordPath(parts.layout, id), { force: true });
  }
}

async function mark(parts: EngineParts, name: string, live: LiveChunks, signal: AbortSignal): Promise<void> {
  const manifest = await ManifestReader.open(parts.layout, name);
  try {
    for await (const { lengths, hashes } of manifest.records()) {
      signal.throwIfAborted();
      live.mark(
        Array.from(lengths, (_, i) => i)
          .filter((i) => !isZeroHash(hashes, i))
          .map((i) => hashes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES)),
      );
    }
  } finally {
    await manifest.close();
  }
}

/** Writes the living chunks of worn packs into new packs. @returns those, durable but not yet in the index */
async function repack(
  parts: EngineParts,
  pool: PressPool,
  worn: readonly PackUse[],
  live: LiveChunks,
  context: JobContext,
) {
  const written = [];
  let writer: PackWriter | null = null;
  try {
    const append = async (frames: readonly Parameters<PackWriter['append']>[0][]) => {
      for (const frame of frames) {
        writer ??= await PackWriter.create(parts.layout);
        await writer.append(frame);
        if (writer.lengthBytes < PACK_TARGET_BYTES) continue;
        written.push(await writer.finish());
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
    if (writer) written.push(await (writer as PackWriter).finish());
    return written;
  } catch (error) {
    await (writer as PackWriter | null)?.discard();
    for (const { name } of written) await rm(packPath(parts.layout, name), { force: true });
    throw error;
  }
}

function removeCondemned(parts: EngineParts, live: LiveChunks): void {
  for (const name of live.condemned()) {
    rmSync(packPath(parts.layout, name), { force: true });
    live.forgetPack(name);
  }
}

/** Packs that no row speaks of: finished by a capture or a prune that died before it could index them. */
async function removeOrphans(parts: EngineParts, live: LiveChunks): Promise<void> {
  const known = new Set(live.packNames());
  for (const { name, path } of await packFiles(parts.layout)) if (!known.has(name)) await rm(path, { force: true });
}
