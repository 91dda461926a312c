/** Verify: reads every chunk of a template, or of the whole store, and hashes it. Damage is told with the templates it hits. */
import type { JobResult } from '../contract/job.contract.ts';
import { EngineError } from '../core/engine-error.ts';
import type { JobContext } from '../core/job-context.ts';
import type { IndexedFrame } from '../store/chunk-index.ts';
import { lockReader } from '../store/locks.ts';
import { ManifestReader } from '../store/manifest-reader.ts';
import { isZeroHash } from '../store/manifest-format.ts';
import { HASH_BYTES } from '../store/pack-format.ts';
import { PressPool } from '../store/press-pool.ts';
import { auditFrames } from './audit-frames.ts';
import type { EngineParts } from './engine-parts.ts';
import { readManifestJson } from './manifest-json.ts';

/**
 * @param reference a template, one version of it (`NAME@VERSION`), or null for everything
 * @throws EngineError `TEMPLATE_DAMAGED` with the names, after all was read; `TEMPLATE_NOT_FOUND`
 */
export async function runVerify(parts: EngineParts, reference: string | null, context: JobContext): Promise<JobResult> {
  const wanted = reference === null ? null : parts.templates.find(reference);
  const versions =
    reference === null
      ? parts.templates.manifests().filter((row) => !row.isDeleted)
      : parts.templates.versionsOf(reference);
  const lock = lockReader(parts.layout);
  const pool = new PressPool(parts.pressUrl, context.signal);
  parts.index.forgetFrames();
  try {
    context.phase('marking', 0);
    const framesOf = new Map<string, Set<number>>();
    const frames = new Map<number, IndexedFrame>();
    const damaged = new Set<string>();
    const reasons: EngineError[] = [];
    for (const { manifest } of versions) {
      context.signal.throwIfAborted();
      try {
        framesOf.set(manifest, await referredFrames(parts, manifest, frames, context.signal));
      } catch (error) {
        if (!(error instanceof EngineError)) throw error;
        damaged.add(manifest);
        reasons.push(error);
      }
    }
    const inOrder = [...frames.values()].sort((a, b) =>
      a.packPath < b.packPath ? -1 : a.packPath > b.packPath ? 1 : a.offset - b.offset,
    );
    const verifiedBytes = await auditFrames(pool, inOrder, context, (frame, error) => {
      reasons.push(error);
      for (const [manifest, ids] of framesOf) if (ids.has(frame.id)) damaged.add(manifest);
      // the next capture stores these chunks anew, which heals every version that refers to them
      parts.index.forgetDamaged(frame.id);
    });
    const at = new Date().toISOString();
    for (const { manifest } of versions)
      parts.templates.setHealth(manifest, damaged.has(manifest) ? 'damaged' : 'verified', at);
    const names = versions.filter((row) => damaged.has(row.manifest)).map((row) => `${row.templateName}@${row.number}`);
    parts.audit.add('catalog.verified', wanted?.template.name ?? '', { damaged: names, verifiedBytes });
    if (names.length > 0) {
      throw new EngineError('TEMPLATE_DAMAGED', { template: names.join(', '), templates: names, ...reasons[0].data });
    }
    return {
      templateId: wanted?.template.id ?? null,
      versionNumber: wanted?.version.number ?? null,
      processedBytes: verifiedBytes,
      storedBytes: 0,
      verifiedBytes,
      readBack: 'none',
      damagedTemplates: [],
    };
  } finally {
    await pool.close();
    lock.release();
  }
}

/**
 * Frames that a version needs, by their ids; `frames` learns where they lie.
 * @throws EngineError `MANIFEST_DAMAGED`, `CHUNK_MISSING`
 */
async function referredFrames(
  parts: EngineParts,
  name: string,
  frames: Map<number, IndexedFrame>,
  signal: AbortSignal,
): Promise<Set<number>> {
  const manifest = await ManifestReader.open(parts.layout, name);
  try {
    readManifestJson(manifest, name);
    const ids = new Set<number>();
    for await (const { lengths, hashes } of manifest.records()) {
      signal.throwIfAborted();
      for (let i = 0; i < lengths.length; i++) {
        if (isZeroHash(hashes, i)) continue;
        const hash = hashes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES);
        const found = parts.index.place(hash);
        if (!found) throw new EngineError('CHUNK_MISSING', { chunk: Buffer.from(hash).toString('hex') });
        ids.add(found.frame.id);
        frames.set(found.frame.id, found.frame);
      }
    }
    return ids;
  } finally {
    await manifest.close();
  }
}
