/** Jobs: long work with phases, progress, an outcome and a reason. */
import { z } from 'zod';
import { BootLinkSchema } from './boot-chain.contract.ts';
import { BootSightSchema } from './boot.contract.ts';
import { IDENTITIES, InsideChangesSchema } from './deploy.contract.ts';
import { bytes } from './disk.contract.ts';
import { ErrorViewSchema } from './errors.ts';
import { orUnknown } from './open-words.ts';
import { WarningSchema } from './warnings.ts';

export const JOB_KINDS = [
  'capture',
  'deploy',
  'verify',
  'prune',
  'repair',
  'extract',
  'import',
  'export',
  'boot',
  'stream',
] as const;
export const PHASES = [
  'waiting',
  'shutting-down',
  'inspecting',
  'capturing',
  'publishing',
  'verifying',
  'writing',
  'resizing',
  'reading-back',
  'customising',
  'making-drivers',
  'finishing',
  'marking',
  'repacking',
  'scanning',
  'extracting',
  'unpacking',
  'exporting',
  'booting',
  'streaming',
] as const;
export type Phase = (typeof PHASES)[number];

export const ProgressSchema = z.object({
  phase: z.enum(PHASES),
  doneBytes: bytes,
  /** 0 where the total is not known */
  totalBytes: bytes,
  bytesPerSecond: z.number().nonnegative(),
  /** null until it can be told */
  etaMs: z.number().nonnegative().nullable(),
  /** what the job waits for most, where it is slow; null where it is not, or nothing stands out */
  slowest: z.enum(['source', 'processor', 'target', 'catalog']).nullable(),
});
export type Progress = z.infer<typeof ProgressSchema>;

export const READ_BACKS = ['direct', 'cached', 'none'] as const;
/** `lost`: the process that ran it disappeared */
export const OUTCOMES = ['done', 'failed', 'aborted', 'lost'] as const;
export const JOB_STATES = ['queued', 'running', 'ended'] as const;

/** Kept with the job when it ends: what it did, in numbers. */
export const JobResultSchema = z.object({
  templateId: z.uuid().nullable(),
  versionNumber: z.number().int().positive().nullable(),
  /** bytes read from the source, or written to the target */
  processedBytes: bytes,
  /** compressed bytes added to the store, or reclaimed from it by a prune */
  storedBytes: bytes,
  /** of a deploy: bytes that were written; less than it processed where the target held the others already */
  writtenBytes: bytes.optional(),
  /** of a deploy: nothing was copied; its disks lie over the template, with the bytes written over it */
  isOverTemplate: z.boolean().optional(),
  /** bytes read back from a target and found equal */
  verifiedBytes: bytes,
  /** of a deploy: bytes that make a disk look finished, kept in memory until all the rest was written */
  heldBackBytes: bytes.optional(),
  /** of a deploy that changed anything inside */
  inside: InsideChangesSchema.optional(),
  /** of a deploy: how the target starts a machine, as it was found there */
  bootChain: z.array(BootLinkSchema).optional(),
  readBack: orUnknown(READ_BACKS),
  damagedTemplates: z.array(z.string()),
  /** of a boot proof: what the machine showed */
  boot: BootSightSchema.optional(),
  /** of a deploy: the virtual machine that was made, or got its disk */
  machine: z.object({ place: z.string(), name: z.string(), id: z.string(), isStarted: z.boolean() }).optional(),
  /** of a capture, an import or a deploy that was to be started at its end: why it is not proven that it comes up. What was written stays */
  notProven: ErrorViewSchema.optional(),
});
export type JobResult = z.infer<typeof JobResultSchema>;

const PhasesSchema = z.array(
  z.object({ phase: orUnknown(PHASES), startedAt: z.iso.datetime(), elapsedMs: z.number().nonnegative() }),
);

const state = z.enum(JOB_STATES);
const outcome = orUnknown(OUTCOMES).nullable();

/** What a job does to one target or disk; the job's own state, progress and outcome are made of its parts'. */
export const JobPartSchema = z.object({
  /** what it works on; '' where that is the catalog */
  path: z.string(),
  /** which of a template's disks it is about, from 1; left out: none of them, or all */
  disk: z.number().int().positive().optional(),
  /** the plan that it carries out, where there was one */
  planId: z.uuid().optional(),
  /** of a deploy: what becomes of the guest's identity */
  identity: orUnknown(IDENTITIES).optional(),
  state,
  outcome,
  error: ErrorViewSchema.nullable(),
  phases: PhasesSchema,
  progress: ProgressSchema.nullable(),
  result: JobResultSchema.nullable(),
});
export type JobPart = z.infer<typeof JobPartSchema>;

/** What a job is about, for a title: a template's name and a path, either may be '' */
const about = {
  kind: orUnknown(JOB_KINDS),
  templateName: z.string(),
  path: z.string(),
  /** what a person calls the disk at the path: its maker and model; left out where it is no attached disk, or tells none */
  diskName: z.string().optional(),
};
export type JobAbout = Pick<JobView, keyof typeof about>;

/** What jobs may be in each other's way with; `places`: no more run at once. Words: `waits.CLAIM`. */
export const CLAIM_KINDS = ['source', 'target', 'template', 'catalog', 'places'] as const;
export const WaitsForSchema = z.object({
  claim: orUnknown(CLAIM_KINDS),
  /** the path, or the template's name, that it waits for; or '' */
  what: z.string(),
  /** those that have it, or come first */
  jobs: z.array(z.object({ id: z.uuid(), ...about })),
});
export type WaitsFor = z.infer<typeof WaitsForSchema>;

export const JobViewSchema = z.object({
  id: z.uuid(),
  ...about,
  state,
  /** null unless it is queued */
  waitsFor: WaitsForSchema.nullable().default(null),
  /** of its parts: `failed` where any failed */
  outcome,
  error: ErrorViewSchema.nullable(),
  createdAt: z.iso.datetime(),
  startedAt: z.iso.datetime().nullable(),
  endedAt: z.iso.datetime().nullable(),
  phases: PhasesSchema,
  progress: ProgressSchema.nullable(),
  warnings: z.array(WarningSchema),
  result: JobResultSchema.nullable(),
  /** one for each target or disk; empty in what older versions wrote */
  parts: z.array(JobPartSchema).default([]),
});
export type JobView = z.infer<typeof JobViewSchema>;
