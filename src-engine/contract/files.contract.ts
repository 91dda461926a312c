/** Looking inside a template: volumes, folders, files, and what changed between two versions. Sizes are in bytes. */
import { z } from 'zod';
import { bytes, FILE_SYSTEM_KINDS } from './disk.contract.ts';
import { ErrorViewSchema } from './errors.ts';

/** Names a volume: the number of its partition, `0` where the whole disk is the volume, or `GROUP/NAME`. */
export const VolumeRefSchema = z.string().min(1).max(300);
/** A path inside a volume, from its root, with `/` between names. */
export const FilePathSchema = z.string().max(65_536);

export const FILE_KINDS = ['folder', 'file', 'link', 'block-device', 'character-device', 'fifo', 'socket'] as const;
export type FileKind = (typeof FILE_KINDS)[number];

/** which of the template's disks, from 1; left out: it has one */
const disk = z.number().int().positive().optional();

export const FileVolumeViewSchema = z.object({
  disk,
  ref: VolumeRefSchema,
  /** the file system's label or the partition's name; may be '' */
  label: z.string(),
  kind: z.enum(FILE_SYSTEM_KINDS).nullable(),
  lengthBytes: bytes,
  usedBytes: bytes,
  /** why it cannot be opened; null: it can */
  refusal: ErrorViewSchema.nullable(),
});
export type FileVolumeView = z.infer<typeof FileVolumeViewSchema>;

export const FileEntryViewSchema = z.object({
  /** '' for the root. Bytes that are no UTF-8 stand as `\xNN` */
  name: z.string(),
  kind: z.enum(FILE_KINDS),
  lengthBytes: bytes,
  modifiedAt: z.iso.datetime().nullable(),
  /** permission bits, at most 0o7777; null where the file system keeps none */
  mode: z.number().int().nonnegative().nullable(),
  ownerId: z.number().int().nonnegative().nullable(),
  groupId: z.number().int().nonnegative().nullable(),
  /** how many names it has */
  linkCount: z.number().int().nonnegative(),
  /** where a link points; null for everything else, and for a link that cannot be read */
  linkTarget: z.string().nullable(),
});
export type FileEntryView = z.infer<typeof FileEntryViewSchema>;

export const ChangeSchema = z.object({
  disk,
  volume: VolumeRefSchema,
  path: z.string(),
  kind: z.enum(FILE_KINDS),
  change: z.enum(['added', 'changed', 'removed']),
  beforeBytes: bytes.nullable(),
  afterBytes: bytes.nullable(),
});
export type Change = z.infer<typeof ChangeSchema>;

const totals = z.object({ files: z.number().int().nonnegative(), lengthBytes: bytes });
export const ComparisonSchema = z.object({
  added: totals,
  /** `lengthBytes`: of the files as they are now */
  changed: totals,
  removed: totals,
  unchanged: totals,
  /** by disk, volume and path; the first ten thousand */
  changes: z.array(ChangeSchema),
  isCut: z.boolean(),
  /** volumes that only one of both has, or that cannot be looked into: nothing is said about their files. Of several disks as `DISK:VOLUME` */
  notCompared: z.array(VolumeRefSchema),
});
export type Comparison = z.infer<typeof ComparisonSchema>;
