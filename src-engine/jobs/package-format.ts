/** The Diskpress package: a 7z with one version of a template in it. Files and their names; see store/FORMAT.md for packs and manifests. */
import { z } from 'zod';
import { TemplateRecordSchema, VersionRecordSchema } from '../catalog/records.ts';

export const PACKAGE_FILES = {
  about: 'template.json',
  readme: 'README.txt',
  sums: 'SHA256SUMS',
  manifest: 'manifest.dpm',
} as const;

export const PACK_FILE = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}\.dpk$/;

export const MAX_ABOUT_BYTES = 64 * 1024 * 1024;

export const PackageAboutSchema = z.object({
  format: z.literal('diskpress-package'),
  formatVersion: z.literal(1),
  template: TemplateRecordSchema,
  version: VersionRecordSchema,
});
export type PackageAbout = z.infer<typeof PackageAboutSchema>;
