/** The Diskpress package: a 7z with one version of a template in it. Files and their names; see store/FORMAT.md for packs and manifests. */
import { z } from 'zod';
import { readTemplate, readVersion, type TemplateRecord, type VersionRecord } from '../catalog/records/index.ts';

export const PACKAGE_FILES = {
  about: 'template.json',
  readme: 'README.txt',
  sums: 'SHA256SUMS',
  manifest: 'manifest.dpm',
} as const;

export const PACK_FILE = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}\.dpk$/;

export const MAX_ABOUT_BYTES = 64 * 1024 * 1024;

export const PACKAGE_FORMAT = 'diskpress-package';
export const PACKAGE_VERSION = 1;

/** `template.json` */
export interface PackageAbout {
  readonly template: TemplateRecord;
  readonly version: VersionRecord;
}

const PartsSchema = z.object({ template: z.unknown(), version: z.unknown() });

/** @throws ZodError where it is none; EngineError `CATALOG_TOO_NEW` */
export function readPackageAbout(json: unknown): PackageAbout {
  const { template, version } = PartsSchema.parse(json);
  return { template: readTemplate(template), version: readVersion(version) };
}
