/** `manifests/ID.json`: the editable part of a template, kept beside its manifests so that a repair finds it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { z } from 'zod';
import { readTemplate, type TemplateRecord } from '../catalog/records/index.ts';
import { EngineError } from '../core/engine-error.ts';
import { writeDurably } from '../store/durable.ts';
import type { StoreLayout } from '../store/store-layout.ts';
import type { EngineParts } from './engine-parts.ts';

/** `sum`: CRC-32 of the JSON without it; earlier versions wrote none. */
const SumSchema = z.object({ sum: z.number().int().optional() });

export function templateRecordPath(layout: StoreLayout, id: string): string {
  return join(layout.manifests, `${id}.json`);
}

export async function writeTemplateRecord(parts: EngineParts, id: string): Promise<void> {
  const { refusal, root } = parts.layout;
  if (refusal) throw new EngineError(refusal, { path: root });
  const record = parts.templates.record(id);
  const bytes = Buffer.from(JSON.stringify({ ...record, sum: sumOf(record) }, null, 2));
  await writeDurably(parts.layout.scratch, templateRecordPath(parts.layout, id), bytes);
}

/** @returns null where there is none or it is not what was written: the manifests hold what it was at capture */
export async function readTemplateRecord(layout: StoreLayout, id: string): Promise<TemplateRecord | null> {
  try {
    const json: unknown = JSON.parse(await readFile(templateRecordPath(layout, id), 'utf8'));
    const { sum, ...written } = json as Record<string, unknown>;
    if (sum !== undefined && SumSchema.parse({ sum }).sum !== sumOf(written)) return null;
    const record = readTemplate(written);
    return record.id === id ? record : null;
  } catch {
    return null;
  }
}

const sumOf = (record: object) => crc32(JSON.stringify(record));
