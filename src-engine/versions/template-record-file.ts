/** `manifests/ID.json`: the editable part of a template, kept beside its manifests so that a repair finds it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { z } from 'zod';
import { readTemplate, type TemplateRecord } from '../catalog/records/index.ts';
import { markOfRunner } from '../catalog/runner.ts';
import { EngineError, ioError, isLater } from '../core/engine-error.ts';
import { writeDurably } from '../core/durable.ts';
import { refuseReadOnly } from '../store/locks.ts';
import type { StoreLayout } from '../store/store-layout.ts';
import { olderDatabase } from './older-database.ts';
import type { StoredParts } from './stored-parts.ts';

/** `sum`: CRC-32 of the JSON without it; earlier versions wrote none. */
const SumSchema = z.object({ sum: z.number().int().optional() });

export function templateRecordPath(layout: StoreLayout, id: string): string {
  return join(layout.manifests, `${id}.json`);
}

/** By path: the last write that was asked for. */
const lastWrites = new Map<string, Promise<void>>();

/** Writes of one template's record come one after another, each of the row as it is then: an older one never replaces a newer one. */
export async function writeTemplateRecord(parts: StoredParts, id: string): Promise<void> {
  const path = templateRecordPath(parts.layout, id);
  const before = lastWrites.get(path) ?? Promise.resolve();
  const own = before.catch(() => {}).then(() => writeRow(parts, id));
  lastWrites.set(path, own);
  try {
    await own;
  } finally {
    if (lastWrites.get(path) === own) lastWrites.delete(path);
  }
}

async function writeRow(parts: StoredParts, id: string): Promise<void> {
  refuseReadOnly(parts.layout);
  await refuseOlderThanFile(parts, id);
  const record = parts.templates.record(id);
  const bytes = Buffer.from(JSON.stringify({ ...record, sum: sumOf(record) }, null, 2));
  await writeDurably(parts.layout.scratch, templateRecordPath(parts.layout, id), bytes, { mark: markOfRunner() });
}

/**
 * Comes before every change of a template: what its file says and its row does not would be written over.
 * @throws EngineError `CATALOG_TOO_NEW` where a later Diskpress wrote the file; `CATALOG_DAMAGED` where the row is older than the file,
 *   as after the database was brought back from a copy
 */
export async function refuseOlderThanFile(parts: StoredParts, id: string): Promise<void> {
  const written = await readTemplateRecord(parts.layout, id).catch((error: unknown) => {
    // what the disk does not give just now is written anew; what says that it is another's is not
    if (isLater(error)) throw error;
    return null;
  });
  // the row is asked last: it is always changed before its file
  const revision = parts.templates.revisionOf(id);
  if (written !== null && revision !== null && written.revision > revision) {
    throw olderDatabase(templateRecordPath(parts.layout, id));
  }
}

/**
 * @returns null where there is none or it is not what was written: the manifests hold what it was at capture
 * @throws EngineError `READ_FAILED`, `PERMISSION_DENIED` where nobody can tell just now; `CATALOG_TOO_NEW` where a later Diskpress
 *   wrote more into it than this one knows
 */
export async function readTemplateRecord(layout: StoreLayout, id: string): Promise<TemplateRecord | null> {
  const path = templateRecordPath(layout, id);
  const text = await readFile(path, 'utf8').catch((thrown: unknown) => {
    const error = ioError(thrown, 'READ_FAILED', { path, offsetBytes: 0 });
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  });
  const json = text === null ? null : parsed(text);
  // a later format may make its sum in another way; none of ours has a number
  const version = laterFormat(json);
  if (version !== null) throw new EngineError('CATALOG_TOO_NEW', { path, version, supported: 1 });
  const written = json === null ? null : soundJson(json);
  if (written === null) return null;
  const record = understood(written.record);
  // what has a right sum and is not understood was written so
  if (written.hasSum && record === null) throw new EngineError('CATALOG_TOO_NEW', { path, version: 2, supported: 1 });
  return record?.id === id ? record : null;
}

/** @returns null for what is none, or says more than is known here */
function understood(json: Record<string, unknown>): TemplateRecord | null {
  try {
    const record = readTemplate(json);
    return Object.keys(json).every((key) => key in record) ? record : null;
  } catch {
    return null;
  }
}

function parsed(text: string): Record<string, unknown> | null {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === 'object' && !Array.isArray(json) ? (json as Record<string, unknown> | null) : null;
  } catch {
    return null;
  }
}

function laterFormat(json: Record<string, unknown> | null): number | null {
  const format = json?.format;
  return typeof format === 'number' && Number.isSafeInteger(format) && format > 1 ? format : null;
}

function soundJson(json: Record<string, unknown>): { record: Record<string, unknown>; hasSum: boolean } | null {
  try {
    const { sum, ...record } = json;
    if (sum !== undefined && SumSchema.parse({ sum }).sum !== sumOf(record)) return null;
    return { record, hasSum: sum !== undefined };
  } catch {
    return null;
  }
}

const sumOf = (record: object) => crc32(JSON.stringify(record));
