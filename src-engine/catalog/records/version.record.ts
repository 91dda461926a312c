/** What a capture knows of its version, and what was added to it later. In the database, in its manifest and in packages. */
import { z } from 'zod';
import {
  AttachmentNameSchema,
  MAX_ATTACHMENT_BYTES,
  MAX_ATTACHMENTS,
  MAX_DISKS,
  MediaTypeSchema,
} from '../../contract/template.contract.ts';
import { DamageRecordSchema, LayoutRecordSchema, PlaceRecordSchema } from './disk.record.ts';
import { bytes, WarningRecordSchema, word } from './fields.ts';
import { GuestRecordSchema } from './guest.record.ts';
import { MachineRecordSchema } from './machine.record.ts';
import { upgraded, type Upgrade } from './upgrade.ts';
import { VmRecordSchema } from './vm.record.ts';

export const ConfigurationRecordSchema = z.object({
  operatingSystem: z.string().max(200).nullable(),
  bootMode: word.nullable(),
  hasCloudInit: z.boolean().nullable(),
  cpus: z.number().int().positive().nullable(),
  memoryBytes: bytes.nullable(),
  networks: z.array(z.string().max(200)).max(100),
});
export type ConfigurationRecord = z.infer<typeof ConfigurationRecordSchema>;

const NOTHING: ConfigurationRecord = {
  operatingSystem: null,
  bootMode: null,
  hasCloudInit: null,
  cpus: null,
  memoryBytes: null,
  networks: [],
};

export const DiskRecordSchema = z.object({
  /** name of its file in the folder of manifests */
  manifest: z.string().min(1).max(200),
  role: word,
  bus: word.nullable(),
  address: word.nullable(),
  source: PlaceRecordSchema,
  layout: LayoutRecordSchema,
  damage: DamageRecordSchema.nullable(),
});
export type DiskRecord = z.infer<typeof DiskRecordSchema>;

/** What was added to a version after its capture: a file in the folder of manifests, which says all of this too. */
export const AttachmentRecordSchema = z.object({
  /** its file's name, without the ending */
  file: z.uuid(),
  name: AttachmentNameSchema,
  mediaType: MediaTypeSchema,
  lengthBytes: bytes.max(MAX_ATTACHMENT_BYTES),
  /** SHA-256 of its content */
  sha256: z.string().regex(/^[\da-f]{64}$/),
  addedAt: z.iso.datetime(),
});
export type AttachmentRecord = z.infer<typeof AttachmentRecordSchema>;

/** A machine that ran while it was captured. */
const MomentRecordSchema = z.object({
  /** by its hypervisor's id */
  machine: z.string().max(500),
  /** as a power cut would have left it, or as its file systems were when they stood still */
  consistency: word,
  /** from it on, its hypervisor keeps account of what is written; null: it does not */
  checkpoint: z.object({ name: z.string().max(500), madeAt: z.string().max(100) }).nullable(),
  /** the version of which everything was taken over that had not changed; null: all was read */
  since: z.number().int().positive().nullable(),
});

/** What its images said of writes to them, while nobody wrote. */
const TrackedRecordSchema = z.object({
  /** of each disk: the bitmap that was begun at this moment, by its name in the image; null: none was */
  bitmaps: z.array(z.string().max(1023).nullable()).max(MAX_DISKS),
  /** as of a moment */
  since: z.number().int().positive().nullable(),
});

export const VersionRecordSchema = z.object({
  number: z.number().int().positive(),
  createdAt: z.iso.datetime(),
  /** in their order */
  disks: z.array(DiskRecordSchema).min(1).max(MAX_DISKS),
  warnings: z.array(WarningRecordSchema),
  medium: word.default('disk'),
  configuration: ConfigurationRecordSchema.default(NOTHING),
  guest: GuestRecordSchema.nullable().default(null),
  platform: word.nullable().default(null),
  machine: MachineRecordSchema.nullable().default(null),
  /** of the virtual machine that it was captured from */
  definition: VmRecordSchema.nullable().default(null),
  /** left out: nobody wrote to it meanwhile */
  moment: MomentRecordSchema.optional(),
  /** left out: it was not to be told apart from what comes later */
  tracked: TrackedRecordSchema.optional(),
  /** compressed bytes that it refers to, shared ones included */
  storedBytes: bytes,
  /** compressed bytes that its capture added to the store */
  newBytes: bytes,
  /** of all the record the only part that changes */
  attachments: z.array(AttachmentRecordSchema).max(MAX_ATTACHMENTS).default([]),
});
export type VersionRecord = z.infer<typeof VersionRecordSchema>;

const FORMAT = 2;

/** Until format 2 a version had one disk, and its record did not name its manifest. */
const oneDisk =
  (manifest: string): Upgrade =>
  ({ source, disk, damage = null, capacityBytes, usedBytes: _, ...version }) => {
    const { lengthBytes } = (disk ?? {}) as { lengthBytes?: unknown };
    const only = { manifest, role: 'boot', bus: null, address: null, source, layout: disk, damage };
    return { ...version, disks: capacityBytes === lengthBytes ? [only] : null };
  };

/**
 * @param manifest name of its only manifest, where it is so old that it does not say it
 * @throws ZodError where it is none; EngineError `CATALOG_TOO_NEW`
 */
export function readVersion(json: unknown, manifest: string): VersionRecord {
  return VersionRecordSchema.parse(upgraded(json, [oneDisk(manifest)], 'version'));
}

/**
 * As {@link readVersion}, for lists of thousands: what was checked when it was written is not checked again, but for older formats.
 * A field that is added to a record needs a new format for that.
 * @param json of a row whose sum is right, with or without what only a template's own page shows
 */
export function trustedVersion(
  json: unknown,
  manifest: string,
): Omit<VersionRecord, 'guest' | 'machine' | 'definition'> {
  const isNewest = (json as { format?: unknown } | null)?.format === FORMAT;
  return isNewest ? (json as VersionRecord) : readVersion(json, manifest);
}

/** As it is written: {@link readVersion} reads it. */
export function versionJson(version: VersionRecord): Record<string, unknown> {
  return { format: FORMAT, ...version };
}

/** Bytes that its disks use. */
export function usedBytesOf({ disks }: Pick<VersionRecord, 'disks'>): number {
  return disks.reduce((sum, { layout }) => sum + layout.usedBytes, 0);
}
