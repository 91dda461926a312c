/** The Diskpress package: a 7z with one version of a template in it. Files and their names; see store/FORMAT.md for packs and manifests. */
import { z } from 'zod';
import { EngineError } from '../core/engine-error.ts';
import {
  readTemplate,
  readVersion,
  versionJson,
  type TemplateRecord,
  type VersionRecord,
} from '../catalog/records/index.ts';

export const PACKAGE_FILES = {
  about: 'template.json',
  readme: 'README.txt',
  sums: 'SHA256SUMS',
} as const;

/** @param disk from 0: the manifest of the first is called as it always was */
export const manifestFile = (disk: number) => (disk === 0 ? 'manifest.dpm' : `manifest-${disk + 1}.dpm`);

/** @param place from 0, in the order of the version's record */
export const attachmentFile = (place: number) => `attachment-${place + 1}.dpa`;

export const PACK_FILE = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}\.dpk$/;

export const MAX_ABOUT_BYTES = 64 * 1024 * 1024;

const FORMAT = 'diskpress-package';
/** 1: a version had one disk */
const FORMAT_VERSION = 2;

/** `template.json` */
export interface PackageAbout {
  readonly template: TemplateRecord;
  readonly version: VersionRecord;
}

/** Stands for the name of a manifest that did not say its own. */
const PACKAGED = 'manifest';

const FormatSchema = z.object({ format: z.literal(FORMAT) });
const PartsSchema = FormatSchema.extend({
  formatVersion: z.number().int().positive(),
  template: z.unknown(),
  version: z.unknown(),
});

/** As it is written: {@link readPackageAbout} reads it. */
export function packageJson({ template, version }: PackageAbout): unknown {
  return { format: FORMAT, formatVersion: FORMAT_VERSION, template, version: versionJson(version) };
}

/** @throws ZodError where it is none that is known; EngineError `FORMAT_UNSUPPORTED` for a later version's, `CATALOG_TOO_NEW` */
export function readPackageAbout(json: unknown): PackageAbout {
  const { formatVersion, template, version } = PartsSchema.parse(json);
  if (formatVersion > FORMAT_VERSION) {
    throw new EngineError('FORMAT_UNSUPPORTED', { feature: `package version ${formatVersion}` });
  }
  return { template: readTemplate(template), version: readVersion(version, PACKAGED) };
}

/** Whether JSON says that it is of a package. */
export const isPackageJson = (json: unknown): boolean => FormatSchema.safeParse(json).success;
