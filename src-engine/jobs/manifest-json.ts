/** What a manifest says of its version beside the windows: enough to bring its rows back after a loss of the database. */
import { z } from 'zod';
import { TemplateRecordSchema, VersionRecordSchema } from '../catalog/records.ts';
import { EngineError } from '../core/engine-error.ts';
import type { ManifestReader } from '../store/manifest-reader.ts';
import { RegionSchema } from './regions.ts';

export const ManifestJsonSchema = z.object({
  template: TemplateRecordSchema,
  version: VersionRecordSchema,
  regions: z.array(RegionSchema).min(1).max(65_536),
});
export type ManifestJson = z.infer<typeof ManifestJsonSchema>;

/** @throws EngineError `MANIFEST_DAMAGED` where it is not what this version of Diskpress writes */
export function readManifestJson(manifest: ManifestReader, path: string): ManifestJson {
  const parsed = ManifestJsonSchema.safeParse(manifest.json);
  if (parsed.success) return parsed.data;
  throw new EngineError('MANIFEST_DAMAGED', { path, reason: parsed.error.issues[0]?.path.join('.') ?? 'schema' });
}
