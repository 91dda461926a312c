/**
 * Verify: reads every chunk of a template, or of the whole store, and hashes it; looks at the index and the records too. Damage is
 * told with the templates it hits. What cannot be read just now is told apart from damage, and what is whole again loses its mark.
 */
import { readdirSync } from 'node:fs';
import { refuseUnsound } from '../../catalog/database.ts';
import type { JobResult } from '../../contract/job.contract.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { JobContext } from '../../core/job-context.ts';
import { attachmentPath } from '../../store/attachment-file.ts';
import type { IndexedFrame } from '../../store/chunk-index.ts';
import { lockReader } from '../../store/locks.ts';
import { ManifestReader } from '../../store/manifest-reader.ts';
import { isZeroHash } from '../../store/manifest-format.ts';
import { HASH_BYTES } from '../../store/pack-format.ts';
import { checkedAttachment } from '../../versions/attachments.ts';
import { auditFrames } from '../../versions/audit-frames.ts';
import type { EngineParts } from '../engine-parts.ts';
import { readManifestJson } from '../../versions/manifest-json.ts';
import { manifestNames } from '../../store/store-layout.ts';
import { takeBack } from '../../versions/take-back.ts';
import { isOlderDatabase, olderDatabase } from '../../versions/older-database.ts';
import { isUntold } from '../../versions/untold.ts';
import {
  readTemplateRecord,
  refuseOlderThanFile,
  templateRecordPath,
  writeTemplateRecord,
} from '../../versions/template-record-file.ts';

/** Why a version is not whole, or could not be looked at. */
interface Fault {
  readonly isDamage: boolean;
  readonly error: EngineError;
}

/**
 * @param reference a template, one version of it (`NAME@VERSION`), or null for everything
 * @throws EngineError after all was read: `TEMPLATE_DAMAGED` with the names and the reason for each, or else `CATALOG_DAMAGED` where the
 *   database is older than what is there, or else `READ_FAILED` with the names of what cannot be read just now, or else
 *   `CATALOG_TOO_NEW` with what only a later Diskpress can read; `TEMPLATE_NOT_FOUND`, `CATALOG_DAMAGED`
 */
export async function runVerify(parts: EngineParts, reference: string | null, context: JobContext): Promise<JobResult> {
  const wanted = reference === null ? null : parts.templates.find(reference);
  const versions =
    reference === null
      ? parts.templates.manifests().filter((row) => !row.isDeleted)
      : parts.templates.versionsOf(reference);
  const lock = lockReader(parts.layout);
  const pool = parts.presses.forJob(context.signal);
  parts.index.forgetFrames();
  try {
    if (reference === null) refuseUnsound(parts.db, parts.layout.database);
    await takeBack(parts, pool, context);
    context.phase('marking', 0);
    const framesOf = new Map<string, Set<number>>();
    const frames = new Map<number, IndexedFrame>();
    const faults = new Map<string, Fault>();
    const tell = (manifest: string, fault: Fault) => {
      if (!faults.get(manifest)?.isDamage) faults.set(manifest, fault);
    };
    for (const { manifest, templateId, number } of versions) {
      context.signal.throwIfAborted();
      try {
        framesOf.set(manifest, await referredFrames(parts, manifest, frames, context.signal));
        parts.templates.checkRows(templateId, number);
        await mendRecord(parts, templateId);
      } catch (error) {
        if (!(error instanceof EngineError) || error.code === 'ABORTED') throw error;
        tell(manifest, { error, isDamage: isDamage(parts, error) });
      }
    }
    const inOrder = [...frames.values()].sort((a, b) =>
      a.packPath < b.packPath ? -1 : a.packPath > b.packPath ? 1 : a.offset - b.offset,
    );
    const verifiedBytes = await auditFrames(pool, parts.index, inOrder, context, (frame, error) => {
      const fault = { error, isDamage: isDamage(parts, error) };
      for (const [manifest, ids] of framesOf) if (ids.has(frame.id)) tell(manifest, fault);
      // the next capture stores these chunks anew, which heals every version that refers to them
      if (fault.isDamage && error.code !== 'CATALOG_DAMAGED') parts.index.setAside(frame.id);
    });
    await verifyAttachments(parts, versions, context);
    const at = new Date().toISOString();
    for (const { manifest } of versions) {
      const fault = faults.get(manifest);
      // a row that is damaged keeps what it has until a repair
      if (!fault || fault.isDamage) parts.templates.setHealth(manifest, fault ? 'damaged' : 'verified', at);
    }
    const hit = versions.flatMap((row) => {
      const fault = faults.get(row.manifest);
      const version = `${row.templateName}@${row.number}`;
      return fault ? [{ ...fault, version, name: row.disks > 1 ? `${version} disk ${row.disk}` : version }] : [];
    });
    if (reference === null) {
      const unlisted = [...(await unreadManifests(parts)), ...(await recordsOfTheBin(parts))];
      for (const fault of unlisted) hit.push({ ...fault, version: fault.name });
    }
    const damaged = hit.filter((fault) => fault.isDamage);
    parts.audit.add('catalog.verified', wanted?.template.name ?? '', {
      damaged: damaged.map(({ name }) => name),
      verifiedBytes,
    });
    refuse('TEMPLATE_DAMAGED', damaged);
    refuse(
      'CATALOG_DAMAGED',
      hit.filter(({ error }) => isOlderDatabase(error)),
    );
    refuse(
      'READ_FAILED',
      hit.filter(({ error }) => error.code !== 'CATALOG_TOO_NEW'),
    );
    refuse('CATALOG_TOO_NEW', hit);
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

/** What was added to a version is none of its disks: where it is damaged that is told, and they can be deployed all the same. */
async function verifyAttachments(
  parts: EngineParts,
  versions: readonly { templateId: string; number: number }[],
  context: JobContext,
): Promise<void> {
  const wanted = new Set(versions.map(({ templateId, number }) => `${templateId} ${number}`));
  for (const { file, templateId, number } of parts.templates.attachments()) {
    context.signal.throwIfAborted();
    if (!wanted.has(`${templateId} ${number}`)) continue;
    const path = attachmentPath(parts.layout, file);
    try {
      await checkedAttachment(path, file);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      context.warn({ code: 'ATTACHMENT_DAMAGED', data: { path, reason: String(error.data.reason ?? error.code) } });
    }
  }
}

function refuse(
  code: 'TEMPLATE_DAMAGED' | 'CATALOG_DAMAGED' | 'READ_FAILED' | 'CATALOG_TOO_NEW',
  hit: readonly (Fault & { name: string })[],
): void {
  if (hit.length === 0) return;
  const names = hit.map(({ name }) => name);
  throw new EngineError(code, {
    template: names.join(', '),
    offsetBytes: 0,
    ...hit[0].error.data,
    templates: names,
    reasons: hit.map(
      ({ name, error }) => `${name}: ${error.code} ${String(error.data.path ?? '')} ${String(error.data.reason ?? '')}`,
    ),
  });
}

/** What the system could not read just now says nothing of what is there; nor do files whose whole folder is away. */
function isDamage({ layout }: EngineParts, error: EngineError): boolean {
  // an older database says nothing of the blocks
  if (isUntold(error) || isOlderDatabase(error)) return false;
  const { path, reason } = error.data;
  if (error.code === 'CHUNK_MISSING' && path !== undefined) return !isAway(layout.packs);
  return !(error.code === 'MANIFEST_DAMAGED' && reason === 'ENOENT' && isAway(layout.manifests));
}

/** An empty folder is one that nothing is mounted on any more. */
function isAway(folder: string): boolean {
  try {
    return readdirSync(folder).length === 0;
  } catch {
    return true;
  }
}

/** Manifests that no row speaks of and that cannot be read just now, or not by this Diskpress: there may be versions in them. */
async function unreadManifests(parts: EngineParts): Promise<(Fault & { name: string })[]> {
  const faults: (Fault & { name: string })[] = [];
  for (const name of parts.templates.unknownManifests(manifestNames(parts.layout))) {
    const error = await readWhole(parts, name).then(
      () => null,
      (thrown: unknown) => thrown,
    );
    if (isUntold(error)) faults.push({ name, error, isDamage: false });
  }
  return faults;
}

/** What is in the bin here may have been taken out of it since, where the database was brought back from a copy. */
async function recordsOfTheBin(parts: EngineParts): Promise<(Fault & { name: string })[]> {
  const faults: (Fault & { name: string })[] = [];
  for (const { id, name } of parts.templates.summaries(true)) {
    try {
      await refuseOlderThanFile(parts, id);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      faults.push({ name, error, isDamage: false });
    }
  }
  return faults;
}

async function readWhole(parts: EngineParts, name: string): Promise<void> {
  const manifest = await ManifestReader.open(parts.layout, name);
  try {
    readManifestJson(manifest, name);
  } finally {
    await manifest.close();
  }
}

/**
 * A template's record file that is damaged, or gone, is written anew from its row.
 * @throws EngineError `CATALOG_DAMAGED` where it is newer than the row
 */
async function mendRecord(parts: EngineParts, templateId: string): Promise<void> {
  const written = await readTemplateRecord(parts.layout, templateId);
  const known = parts.templates.record(templateId);
  if (written && written.revision > known.revision) throw olderDatabase(templateRecordPath(parts.layout, templateId));
  // a full or read-only disk is no damage: it is written another time
  if (written?.revision !== known.revision) await writeTemplateRecord(parts, templateId).catch(() => {});
}

/**
 * Frames that a version needs, by their ids; `frames` learns where they lie.
 * @throws EngineError `MANIFEST_DAMAGED`, `CHUNK_MISSING`; `CATALOG_DAMAGED` where the index contradicts the manifest
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
        if (found.chunk.lengthBytes !== lengths[i]) {
          throw new EngineError(
            'CATALOG_DAMAGED',
            { path: parts.layout.database, reason: 'index' },
            'Run: diskpress repair',
          );
        }
        ids.add(found.frame.id);
        frames.set(found.frame.id, found.frame);
      }
    }
    return ids;
  } finally {
    await manifest.close();
  }
}
