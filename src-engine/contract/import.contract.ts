/** Bringing images of other tools in, and taking templates out in their formats. Sizes are in bytes. */
import { z } from 'zod';
import { bytes, DISK_FORMATS, DiskViewSchema, PlaceViewSchema } from './disk.contract.ts';
import { GuestSchema } from './guest.contract.ts';
import { orUnknown } from './open-words.ts';
import { ReportSchema } from './report.contract.ts';
import { DISK_ROLES, KINDS, NameSchema, RecordedConfigurationSchema } from './template.contract.ts';
import { CheckSchema, WarningSchema } from './warnings.ts';

/** What an image file may be, recognised by its content. */
export const IMAGE_FORMATS = [...DISK_FORMATS, 'ova', 'iso', 'clonezilla', 'partclone', 'package'] as const;
export type ImageFormat = (typeof IMAGE_FORMATS)[number];

export const ARCHIVE_TYPES = [
  '7z',
  'zip',
  'tar',
  'gzip',
  'xz',
  'bzip2',
  'zstd',
  'lz4',
  'lzma',
  'lzip',
  'lzop',
] as const;

/** One of the disks of a machine that is imported as a whole. */
export const DiskToImportSchema = z.object({
  /** of its file, or of its device */
  name: z.string(),
  /** null as long as it is not known */
  lengthBytes: bytes.nullable(),
  role: z.enum(DISK_ROLES).nullable(),
  /** what it is plugged into, and where there; null: it is not known */
  bus: z.string().nullable(),
  address: z.string().nullable(),
  /** null until it is unpacked */
  disk: DiskViewSchema.nullable(),
});
export type DiskToImport = z.infer<typeof DiskToImportSchema>;

export const ImportViewSchema = z.object({
  source: PlaceViewSchema,
  /** how long the file itself is, whatever is in it; null: a folder */
  fileBytes: bytes.nullable().default(null),
  /** around the image, or around what is in there; null: it lies open */
  archive: z.enum(ARCHIVE_TYPES).nullable(),
  needsPassword: z.boolean(),
  /** what may be an image in it; more than one: a person has to say which, as `entry`. The disks of one machine are no choice: all are taken */
  entries: z.array(z.object({ name: z.string(), lengthBytes: bytes.nullable() })).max(1000),
  /** null until it is unpacked, chosen, or its password is known */
  format: z.enum(IMAGE_FORMATS).nullable(),
  /** names of the files beside it that are read too: extents, backing files and what these need */
  files: z.array(z.string()).default([]),
  /** of several the first; null as long as it is not known */
  disk: DiskViewSchema.nullable(),
  /** all of them, in their order; empty as long as it is not known what they are */
  disks: z.array(DiskToImportSchema).default([]),
  /** room that unpacking takes beside the catalog, as far as it can be told; 0: nothing is unpacked */
  scratchBytes: bytes,
  proposedName: z.string(),
  /** what is installed on it, where it could be looked at */
  guest: GuestSchema.nullable(),
  /** what inspection says of it, for a form to begin with */
  proposed: RecordedConfigurationSchema,
  /** whether inspection is sure of the boot mode */
  isBootModeCertain: z.boolean(),
  warnings: z.array(WarningSchema),
});
export type ImportView = z.infer<typeof ImportViewSchema>;

export const ImportPlanSchema = z.object({
  planId: z.uuid(),
  expiresAt: z.iso.datetime(),
  image: ImportViewSchema,
  name: NameSchema,
  kind: orUnknown(KINDS),
  versionNumber: z.number().int().positive(),
  catalogFreeBytes: bytes,
  checks: z.array(CheckSchema),
  /** the rules of the kind; null where the disk cannot be looked at before it is unpacked */
  report: ReportSchema.nullable(),
  canRun: z.boolean(),
});
export type ImportPlan = z.infer<typeof ImportPlanSchema>;

/** What a template can be taken out as. The words (which program opens it) are `exportFormat.NAME`. */
export const EXPORT_FORMATS = [
  'package',
  'raw',
  'raw.zst',
  'qcow2',
  'qcow2-zlib',
  'vmdk',
  'vmdk-stream',
  'vdi',
  'vhd',
  'vhdx',
  'ova',
] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** What the names of exported files end with. */
export const EXPORT_ENDINGS: Record<ExportFormat, string> = {
  package: '.dpk.7z',
  raw: '.img',
  'raw.zst': '.img.zst',
  qcow2: '.qcow2',
  'qcow2-zlib': '.qcow2',
  vmdk: '.vmdk',
  'vmdk-stream': '.vmdk',
  vdi: '.vdi',
  vhd: '.vhd',
  vhdx: '.vhdx',
  ova: '.ova',
};

/** One of the files that an export makes. */
export const FileToExportSchema = z.object({
  /** the disk in it, from 1; null: all of them */
  disk: z.number().int().positive().nullable(),
  path: z.string(),
  /** the most that it can take */
  atMostBytes: bytes,
  /** a file of that name is there */
  needsOverwrite: z.boolean(),
});

export const ExportPlanSchema = z.object({
  planId: z.uuid(),
  expiresAt: z.iso.datetime(),
  templateName: z.string(),
  versionNumber: z.number().int().positive(),
  /** which of its disks, from 1; null: all of them */
  disk: z.number().int().positive().nullable(),
  format: z.enum(EXPORT_FORMATS),
  /** the file that will be there, the first of several: the name that was asked for, made safe for other systems */
  path: z.string(),
  /** all of them: formats that hold one disk get a file for each */
  files: z.array(FileToExportSchema).default([]),
  /** the most that they can take together */
  atMostBytes: bytes,
  checks: z.array(CheckSchema),
  canRun: z.boolean(),
  /** a file of one of these names is there: `overwrite` must be said */
  needsOverwrite: z.boolean(),
});
export type ExportPlan = z.infer<typeof ExportPlanSchema>;
