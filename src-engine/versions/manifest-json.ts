/** What a manifest says of its version beside the windows: enough to bring its rows back after a loss of the database. */
import { z } from 'zod';
import {
  readTemplate,
  readVersion,
  versionJson,
  type DiskRecord,
  type TemplateRecord,
  type VersionRecord,
} from '../catalog/records/index.ts';
import { EngineError } from '../core/engine-error.ts';
import { manifestJsonNow, type ManifestReader } from '../store/manifest-reader.ts';
import { manifestPath, type StoreLayout } from '../store/store-layout.ts';
import { RegionSchema, type Region } from './regions.ts';
import { isUntold } from './untold.ts';

export interface ManifestJson {
  readonly template: TemplateRecord;
  readonly version: VersionRecord;
  /** the one of its disks that this manifest is of */
  readonly disk: DiskRecord;
  readonly regions: readonly Region[];
}

const PartsSchema = z.object({
  template: z.unknown(),
  version: z.unknown(),
  /** its place among the version's disks; earlier versions had one */
  disk: z.number().int().nonnegative().default(0),
  regions: z.unknown(),
});
const RegionsSchema = z.array(RegionSchema).min(1).max(65_536);

/** As it is written: {@link readManifestJson} reads it. */
export function manifestJson({ template, version, disk, regions }: ManifestJson): unknown {
  return { template, version: versionJson(version), disk: version.disks.indexOf(disk), regions };
}

/**
 * @param name the manifest's
 * @throws EngineError `MANIFEST_DAMAGED` where it is not what a Diskpress writes; `CATALOG_TOO_NEW` where it is what a later one
 *   does
 */
export function readManifestJson(manifest: Pick<ManifestReader, 'json' | 'path'>, name: string): ManifestJson {
  const { path } = manifest;
  const part = <T>(what: string, read: () => T): T => {
    try {
      return read();
    } catch (error) {
      if (error instanceof EngineError) throw new EngineError(error.code, { ...error.data, path });
      if (!(error instanceof z.ZodError)) throw error;
      throw new EngineError('MANIFEST_DAMAGED', { path, reason: [what, ...(error.issues[0]?.path ?? [])].join('.') });
    }
  };
  const parts = part('json', () => PartsSchema.parse(manifest.json));
  const version = part('version', () => readVersion(parts.version, name));
  if (parts.disk >= version.disks.length) throw new EngineError('MANIFEST_DAMAGED', { path, reason: 'disk' });
  return {
    template: part('template', () => readTemplate(parts.template)),
    version,
    disk: version.disks[parts.disk],
    regions: part('regions', () => RegionsSchema.parse(parts.regions)),
  };
}

/** Whether nobody here can say what a manifest holds: a later Diskpress wrote it, or it cannot be read just now. */
export function isUntoldManifest(layout: StoreLayout, name: string): boolean {
  const path = manifestPath(layout, name);
  try {
    readManifestJson({ json: manifestJsonNow(path), path }, name);
    return false;
  } catch (error) {
    return isUntold(error);
  }
}
