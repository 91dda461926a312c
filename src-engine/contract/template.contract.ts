/** Templates and their versions as every face sees them. */
import { z } from 'zod';
import { bytes, DiskViewSchema, RecordedPlaceViewSchema } from './disk.contract.ts';
import { GuestSchema } from './guest.contract.ts';
import { FIRMWARES, MachineProfileSchema } from './machine.contract.ts';
import { orUnknown } from './open-words.ts';
import { VmDefinitionSchema } from './vm.contract.ts';
import { WarningSchema } from './warnings.ts';

export const KINDS = ['standard', 'flex', 'bare-metal', 'lab'] as const;
export const STATUSES = ['active', 'deprecated', 'disabled'] as const;
export const VISIBILITIES = ['private', 'shared', 'public'] as const;

export type Kind = (typeof KINDS)[number];

export const NameSchema = z
  .string()
  .trim()
  // letters with accents can be written in two ways: a name is one, whoever types it
  .normalize('NFC')
  .min(1)
  .max(128)
  .regex(/^[^\p{Cc}/@]+$/u, { error: 'name' });
export const NoteSchema = z.string().max(10_000);
export const TagSchema = z
  .string()
  .trim()
  .min(1)
  .max(64)
  .regex(/^[^\p{Cc},]+$/u, { error: 'tag' });
export const TagsSchema = z.array(TagSchema).max(50);

export const PeopleSchema = z.array(z.string().trim().min(1).max(200)).max(100);
export const PolicyIdSchema = z
  .string()
  .max(64)
  .regex(/^[a-z0-9]+([.-][a-z0-9]+)*$/, { error: 'policy-id' });

export const LICENCES = ['none', 'own'] as const;
export type Licence = (typeof LICENCES)[number];
export const MEDIA = ['disk', 'iso'] as const;
export const PLATFORMS = ['physical', 'virtual'] as const;
export const HEALTHS = ['unverified', 'verified', 'damaged'] as const;
export type Health = (typeof HEALTHS)[number];

/** What was recorded of the machine that a version comes from: what deploy forms begin with. null: unknown. */
export const RecordedConfigurationSchema = z.object({
  /** as a person would say it: 'Debian GNU/Linux 12 (bookworm)' */
  operatingSystem: z.string().max(200).nullable(),
  bootMode: z.enum(FIRMWARES).nullable(),
  hasCloudInit: z.boolean().nullable(),
  cpus: z.number().int().positive().max(100_000).nullable(),
  memoryBytes: bytes.nullable(),
  networks: z.array(z.string().max(200)).max(100),
});
export type RecordedConfiguration = z.infer<typeof RecordedConfigurationSchema>;

export const NOTHING_RECORDED: RecordedConfiguration = {
  operatingSystem: null,
  bootMode: null,
  hasCloudInit: null,
  cpus: null,
  memoryBytes: null,
  networks: [],
};

/** A piece of a source that could not be read: zeros stand for it in the template. */
export const UnreadableSchema = z.object({
  startBytes: bytes,
  lengthBytes: bytes,
});
export type Unreadable = z.infer<typeof UnreadableSchema>;

/** What a capture could not read, and whose it is. */
export const DamageSchema = z.object({
  lengthBytes: bytes,
  /** where, in offsets of the disk; the first thousand */
  extents: z.array(UnreadableSchema).max(1000),
  /** files that lost bytes; the first thousand. A path of '' is the file system itself */
  files: z.array(z.object({ volume: z.string(), path: z.string(), lengthBytes: bytes })).max(1000),
});
export type Damage = z.infer<typeof DamageSchema>;

/** Of one version. */
export const MAX_DISKS = 64;
export const DISK_ROLES = ['boot', 'data'] as const;

/** One of a version's disks. */
export const VersionDiskViewSchema = z.object({
  /** what its machine does with it */
  role: orUnknown(DISK_ROLES),
  /** what it was plugged into, 'sata', 'virtio'…, and where there; null: it is not known */
  bus: z.string().nullable(),
  address: z.string().nullable(),
  /** where it was when it was captured */
  source: RecordedPlaceViewSchema,
  layout: DiskViewSchema,
  /** null: everything was read */
  damage: DamageSchema.nullable(),
  capacityBytes: bytes,
  usedBytes: bytes,
  health: orUnknown(HEALTHS),
  verifiedAt: z.iso.datetime().nullable(),
});
export type VersionDiskView = z.infer<typeof VersionDiskViewSchema>;

/** Of one version. */
export const MAX_ATTACHMENTS = 64;
/** A picture, a console's text, a report: none of them is a disk. */
export const MAX_ATTACHMENT_BYTES = 8 * 1024 * 1024;
export const MAX_ATTACHMENTS_BYTES = 32 * 1024 * 1024;

export const AttachmentNameSchema = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[^\p{Cc}/\\]+$/u, { error: 'file-name' });
export const MediaTypeSchema = z
  .string()
  .max(100)
  .regex(/^[a-z]+\/[a-z0-9][a-z0-9.+-]*$/, { error: 'media-type' });

/** What was added to a version after its capture. */
export const AttachmentViewSchema = z.object({
  id: z.string(),
  name: AttachmentNameSchema,
  /** as the one who added it said: 'image/png', 'text/plain'…; nobody trusts it */
  mediaType: MediaTypeSchema,
  lengthBytes: bytes,
  addedAt: z.iso.datetime(),
});
export type AttachmentView = z.infer<typeof AttachmentViewSchema>;

export const CONSISTENCIES = ['crash', 'file-systems'] as const;

export const VersionViewSchema = z.object({
  number: z.number().int().positive(),
  createdAt: z.iso.datetime(),
  /** in the order that they had; the first is the one that a template of one disk has */
  disks: z.array(VersionDiskViewSchema).min(1),
  /** about all of it, beside those of each disk */
  warnings: z.array(WarningSchema),
  /** `disk`: of a disk; `iso`: a boot medium, which is never customised */
  medium: orUnknown(MEDIA).default('disk'),
  configuration: RecordedConfigurationSchema.default(NOTHING_RECORDED),
  /** what is installed on it; null: it was not looked at */
  guest: GuestSchema.nullable().default(null),
  /** whether the disk was a virtual machine's or a physical one's; null: it is not known */
  platform: z.enum(PLATFORMS).nullable().default(null),
  /** the machine that it was captured from; null: it is not known */
  machine: MachineProfileSchema.nullable().default(null),
  /** the virtual machine that it was captured from: what a new one is made from; null: it was none, or its hypervisor did not say */
  definition: VmDefinitionSchema.nullable().default(null),
  /** it ran meanwhile: `crash`: as a power cut would have left it; `file-systems`: these stood still; null: it was off */
  consistency: orUnknown(CONSISTENCIES).nullable().default(null),
  /** of all its disks */
  capacityBytes: bytes,
  usedBytes: bytes,
  /** compressed bytes that this version refers to, shared ones included */
  storedBytes: bytes,
  /** compressed bytes that its capture added to the store */
  newBytes: bytes,
  attachments: z.array(AttachmentViewSchema).default([]),
  /** damaged where one of its disks is, verified where all are; unknown where a later Diskpress wrote what this one cannot read */
  health: orUnknown(HEALTHS),
  /** when the disk was that was not verified for longest */
  verifiedAt: z.iso.datetime().nullable(),
});
export type VersionView = z.infer<typeof VersionViewSchema>;

export const TemplateViewSchema = z.object({
  id: z.uuid(),
  name: NameSchema,
  note: NoteSchema,
  tags: TagsSchema,
  kind: orUnknown(KINDS),
  status: orUnknown(STATUSES),
  visibility: orUnknown(VISIBILITIES),
  /** whose licence its operating system runs under: one's own may never be public */
  licence: orUnknown(LICENCES).default('none'),
  /** who captured or imported it */
  owner: z.string().max(200).default(''),
  /** people that it is shared with, where its visibility is `shared` */
  sharedWith: PeopleSchema.default([]),
  /** the policy that it lives under; null: that of its kind */
  policy: PolicyIdSchema.nullable().default(null),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
  /** set while it waits in the bin: `template.undelete` brings it back until a prune reclaims it */
  deletedAt: z.iso.datetime().nullable(),
  /** newest first; never empty */
  versions: z.array(VersionViewSchema).min(1),
});
export type TemplateView = z.infer<typeof TemplateViewSchema>;

/** A version without what only its own page shows: lists of thousands stay light. */
export const VersionSummarySchema = VersionViewSchema.omit({ guest: true, machine: true, definition: true });
export type VersionSummary = z.infer<typeof VersionSummarySchema>;

export const TemplateSummarySchema = TemplateViewSchema.extend({ versions: z.array(VersionSummarySchema).min(1) });
export type TemplateSummary = z.infer<typeof TemplateSummarySchema>;

/** What a person may say of a template. */
export const EDITED_FIELDS = [
  'name',
  'note',
  'tags',
  'status',
  'visibility',
  'licence',
  'owner',
  'sharedWith',
  'policy',
] as const satisfies readonly (keyof TemplateView)[];
export type EditedField = (typeof EDITED_FIELDS)[number];

/** `NAME`, `ID`, or either with `@VERSION`. */
export const TemplateRefSchema = z.string().min(1).max(200);
