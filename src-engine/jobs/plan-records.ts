/**
 * What is kept of a plan: the request, and what was decided when it was made. Small, plain JSON: whoever has the record can carry it
 * out, and looks again at all that may have changed. What a face was shown is made beside it and not needed any more.
 */
import { z } from 'zod';
import { COMMANDS } from '../contract/commands.ts';
import { VolumePlanSchema } from '../contract/deploy.contract.ts';
import { bytes, PlaceViewSchema } from '../contract/disk.contract.ts';
import { DriverMakingSchema, PutInDriversSchema } from '../contract/drivers.contract.ts';
import { ErrorViewSchema, type ErrorView } from '../contract/errors.ts';
import { EXPORT_FORMATS } from '../contract/import.contract.ts';
import { PlannedVmSchema } from '../contract/new-vm.contract.ts';
import type { Report } from '../contract/report.contract.ts';
import { NameSchema } from '../contract/template.contract.ts';
import { WarningSchema, type Check } from '../contract/warnings.ts';
import { EngineError } from '../core/engine-error.ts';
import { refuseBlockedCheck } from '../judgement/overrides.ts';
import { refuseReported } from '../judgement/make-report.ts';

const head = {
  planId: z.uuid(),
  expiresAt: z.iso.datetime(),
  /** why it may not be carried out, whatever a face says; null: it may */
  refusal: ErrorViewSchema.nullable(),
};

export const CaptureRecordSchema = z.strictObject({
  ...head,
  kind: z.literal('capture'),
  request: COMMANDS['capture.plan'].params,
  /** the first source as it was found */
  source: PlaceViewSchema,
  /** names of the files beside an image that were read too */
  files: z.array(z.string()),
  /** the further sources, in their order */
  others: z.array(z.object({ source: PlaceViewSchema, files: z.array(z.string()) })).default([]),
});
export type CaptureRecord = z.infer<typeof CaptureRecordSchema>;

export const DeployRecordSchema = z.strictObject({
  ...head,
  kind: z.literal('deploy'),
  request: COMMANDS['deploy.plan'].params,
  templateId: z.uuid(),
  templateName: z.string(),
  versionNumber: z.number().int().positive(),
  /** which of the version's disks, from 1, of how many */
  disk: z.number().int().positive(),
  diskCount: z.number().int().positive(),
  /** the target as the person named it: a link may lead elsewhere by now */
  asked: z.string(),
  /** the target as it was found */
  target: PlaceViewSchema,
  /** the machine that it becomes a disk of, the same in the records of its other disks; null: of none */
  vm: PlannedVmSchema.nullable().default(null),
  /** of a device: the hash of its first and last bytes, or '' where they could not be read */
  edges: z.string(),
  writeBytes: bytes,
  /** the target is read first, and only what differs is written */
  readsFirst: z.boolean(),
  /** where each volume goes, in the order of the template's disk; none: each where it was */
  volumes: z.array(VolumePlanSchema).default([]),
  /** loaders of an EFI system partition that come to lie where a firmware without an entry looks */
  copied: z
    .array(z.object({ volume: z.string(), path: z.string(), from: z.string(), lengthBytes: bytes, sha256: z.string() }))
    .default([]),
  /** the primary partition of an MBR that gets the mark of the active one; null: none */
  active: z.string().nullable().default(null),
  /** first file systems that are made anew by the guest's own program; null: none */
  driverMaking: DriverMakingSchema.nullable().default(null),
  /** drivers out of an ISO that are put into its Windows; null: none */
  putIn: PutInDriversSchema.nullable().default(null),
  /** of its checks, what stays of the identity, though nobody wanted that: told at the end, too */
  told: z.array(WarningSchema).default([]),
  /** what new identifiers are made of: each target has its own */
  idSeed: z.string().default(''),
  /** one of these has to be repeated; empty: none */
  confirmWords: z.array(z.string()),
  /** a file that is there is to be replaced: somebody has to say so */
  needsOverwrite: z.boolean(),
  /** a helper with root's rights, which are asked for then, carries it out */
  asksRights: z.boolean().default(false),
  /** blocks that a person has taken upon themselves: codes of checks, ids of rules */
  overridden: z.array(z.string()),
});
export type DeployRecord = z.infer<typeof DeployRecordSchema>;

export const ImportRecordSchema = z.strictObject({
  ...head,
  kind: z.literal('import'),
  request: COMMANDS['import.plan'].params,
  /** the file or folder as it was found */
  source: PlaceViewSchema,
  /** of the file, as it was then; null: a folder, or nobody wrote it down */
  state: z.string().nullable().default(null),
  /** names of the files beside it that were read too; null: it is packed, and they are not known */
  files: z.array(z.string()).nullable(),
  /** names of its disks, where it is known that they are several */
  disks: z.array(z.string()).default([]),
  /** of the template that it becomes a version of: a package brings its own */
  name: NameSchema,
  /** room that unpacking takes, as far as it could be told */
  scratchBytes: bytes,
});
export type ImportRecord = z.infer<typeof ImportRecordSchema>;

/** A file that will be there. */
const exported = {
  /** which of the version's disks is in it, from 1; null: all of them */
  disk: z.number().int().positive().nullable(),
  path: z.string(),
  needsOverwrite: z.boolean(),
};

export const ExportRecordSchema = z.strictObject({
  ...head,
  kind: z.literal('export'),
  /** with the password of a package: records stay in the engine's memory */
  request: COMMANDS['export.plan'].params,
  /** it may be renamed before the export begins */
  templateId: z.uuid(),
  templateName: z.string(),
  versionNumber: z.number().int().positive(),
  format: z.enum(EXPORT_FORMATS),
  ...exported,
  /** the further files, one for each disk after the first */
  others: z.array(z.object(exported)).default([]),
});
export type ExportRecord = z.infer<typeof ExportRecordSchema>;

export type PlanRecord = CaptureRecord | DeployRecord | ImportRecord | ExportRecord;

/** A plan as it is made: what is kept, and what a face is shown. */
export interface Planned<Record extends PlanRecord, View> {
  readonly record: Record;
  readonly view: View;
}

/** What a plan's checks and rules forbid: the first of them. */
export function refusalOf(checks: readonly Check[], report: Report | null = null): ErrorView | null {
  // the commonest refusal has a code of its own, with both sizes
  const small = checks.find(({ level }) => level === 'block');
  if (small?.code === 'TARGET_TOO_SMALL') return new EngineError('TARGET_TOO_SMALL', small.data).toView();
  try {
    refuseBlockedCheck(checks);
    if (report) refuseReported(report);
    return null;
  } catch (error) {
    return (error as EngineError).toView();
  }
}
