/** `manifests/ID.json`: the editable part of a template, kept beside its manifests so that a repair finds it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TemplateRecordSchema, type TemplateRecord } from '../catalog/records.ts';
import { writeDurably } from '../store/durable.ts';
import type { StoreLayout } from '../store/store-layout.ts';
import type { EngineParts } from './engine-parts.ts';

export function templateRecordPath(layout: StoreLayout, id: string): string {
  return join(layout.manifests, `${id}.json`);
}

export async function writeTemplateRecord(parts: EngineParts, id: string): Promise<void> {
  const bytes = Buffer.from(JSON.stringify(parts.templates.record(id), null, 2));
  await writeDurably(parts.layout.scratch, templateRecordPath(parts.layout, id), bytes);
}

/** @returns null where there is none or it cannot be read: the manifests hold what it was at capture */
export async function readTemplateRecord(layout: StoreLayout, id: string): Promise<TemplateRecord | null> {
  try {
    return TemplateRecordSchema.parse(JSON.parse(await readFile(templateRecordPath(layout, id), 'utf8')));
  } catch {
    return null;
  }
}
