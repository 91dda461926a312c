/** What a manifest says of its version beside the windows: enough to bring its rows back after a loss of the database. */
import { z } from 'zod';
import { readTemplate, readVersion, type TemplateRecord, type VersionRecord } from '../catalog/records/index.ts';
import { EngineError } from '../core/engine-error.ts';
import type { ManifestReader } from '../store/manifest-reader.ts';
import { RegionSchema, type Region } from './regions.ts';

export interface ManifestJson {
  readonly template: TemplateRecord;
  readonly version: VersionRecord;
  readonly regions: readonly Region[];
}

const PartsSchema = z.object({ template: z.unknown(), version: z.unknown(), regions: z.unknown() });
const RegionsSchema = z.array(RegionSchema).min(1).max(65_536);

/**
 * @throws EngineError `MANIFEST_DAMAGED` where it is not what a Diskpress writes; `CATALOG_TOO_NEW` where it is what a later one
 *   does
 */
export function readManifestJson(manifest: ManifestReader, path: string): ManifestJson {
  const part = <T>(name: string, read: () => T): T => {
    try {
      return read();
    } catch (error) {
      if (error instanceof EngineError) throw new EngineError(error.code, { ...error.data, path });
      if (!(error instanceof z.ZodError)) throw error;
      throw new EngineError('MANIFEST_DAMAGED', { path, reason: [name, ...(error.issues[0]?.path ?? [])].join('.') });
    }
  };
  const { template, version, regions } = part('json', () => PartsSchema.parse(manifest.json));
  return {
    template: part('template', () => readTemplate(template)),
    version: part('version', () => readVersion(version)),
    regions: part('regions', () => RegionsSchema.parse(regions)),
  };
}
