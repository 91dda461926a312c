/** Plans: what a job will do, checked before anything is done. A plan is kept by the engine and named by its id. */
import { z } from 'zod';
import { BootLinkSchema } from './boot-chain.contract.ts';
import {
  GuestChangeViewSchema,
  IdentifierChangeSchema,
  IdentityPlanSchema,
  RecordedSettingsSchema,
  SettingNoteSchema,
  VolumePlanSchema,
} from './deploy.contract.ts';
import { bytes, DiskViewSchema, PlaceViewSchema } from './disk.contract.ts';
import { DriverMakingSchema, KernelDriversSchema, PutInDriversSchema } from './drivers.contract.ts';
import { GuestSchema } from './guest.contract.ts';
import { PlannedVmSchema } from './new-vm.contract.ts';
import { orUnknown } from './open-words.ts';
import { ReportSchema } from './report.contract.ts';
import { DISK_ROLES, KINDS, NameSchema } from './template.contract.ts';
import { CheckSchema } from './warnings.ts';

/** One of the disks that a capture reads. */
export const DiskToCaptureSchema = z.object({
  role: z.enum(DISK_ROLES),
  /** what it is plugged into; null: it is not known */
  bus: z.string().nullable(),
  source: PlaceViewSchema,
  files: z.array(z.string()).default([]),
  disk: DiskViewSchema,
  readBytes: bytes,
});
export type DiskToCapture = z.infer<typeof DiskToCaptureSchema>;

export const CapturePlanSchema = z.object({
  planId: z.uuid(),
  expiresAt: z.iso.datetime(),
  /** of the first of its disks */
  source: PlaceViewSchema,
  /** names of the files beside an image that are read too: extents, backing files and what these need */
  files: z.array(z.string()).default([]),
  disk: DiskViewSchema,
  /** all of them, in their order; `data.disk` of a check says which it is about, where there are several */
  disks: z.array(DiskToCaptureSchema).default([]),
  name: NameSchema,
  kind: orUnknown(KINDS),
  /** the version that it will become; above 1 where a template of that name exists */
  versionNumber: z.number().int().positive(),
  /** of all its disks */
  readBytes: bytes,
  catalogFreeBytes: bytes,
  /** what is installed on it */
  guest: GuestSchema,
  checks: z.array(CheckSchema),
  /** the rules of the kind; a block in it forbids the job as one of the checks does */
  report: ReportSchema,
  canRun: z.boolean(),
});
export type CapturePlan = z.infer<typeof CapturePlanSchema>;

export const DeployPlanSchema = z.object({
  planId: z.uuid(),
  expiresAt: z.iso.datetime(),
  templateId: z.uuid(),
  templateName: z.string(),
  versionNumber: z.number().int().positive(),
  /** which of its disks, from 1, and how many it has */
  disk: z.number().int().positive(),
  diskCount: z.number().int().positive(),
  /** what is written to; a file that does not exist yet has the length that it will get */
  target: PlaceViewSchema,
  /** the machine that it becomes a disk of; null: of none */
  vm: PlannedVmSchema.nullable().default(null),
  /** what the target holds now and will lose; null for a new file or where nothing is recognised */
  before: DiskViewSchema.nullable(),
  after: DiskViewSchema,
  /** its volumes before and after, in the order of the disk, and how each gets its length */
  volumes: z.array(VolumePlanSchema).default([]),
  /** what changes inside, file by file */
  guestChanges: z.array(GuestChangeViewSchema).default([]),
  /** how each setting is done in this guest, or why it cannot be */
  settingNotes: z.array(SettingNoteSchema).default([]),
  /** how the guest is set up in the template; null: it is not known, or nothing of it changes */
  recorded: RecordedSettingsSchema.nullable().default(null),
  /** what becomes of the guest's identity */
  identity: IdentityPlanSchema.default({ becomes: 'keep', because: 'asked', data: {} }),
  /** how it starts a machine, as far as the template tells */
  boot: z.array(BootLinkSchema).default([]),
  /** what each of its kernels can start from; the one that starts by default is the first */
  drivers: z.array(KernelDriversSchema).default([]),
  /** null: its first file systems stay as they are */
  driverMaking: DriverMakingSchema.nullable().default(null),
  /** null: no drivers are put into its Windows */
  putIn: PutInDriversSchema.nullable().default(null),
  /** identifiers of table, file systems and LVM, before and after */
  identifiers: z.array(IdentifierChangeSchema).default([]),
  writeBytes: bytes,
  checks: z.array(CheckSchema),
  /** the rules of the template's kind; a block in it forbids the job as one of the checks does */
  report: ReportSchema,
  canRun: z.boolean(),
  /** one of these must be repeated as `confirm`; empty: nothing to confirm */
  confirmWords: z.array(z.string()),
  /** the target is an existing file: `overwrite` must be said */
  needsOverwrite: z.boolean(),
  /** whoever is at work is asked for administrator rights when it begins */
  asksRights: z.boolean().default(false),
});
export type DeployPlan = z.infer<typeof DeployPlanSchema>;
