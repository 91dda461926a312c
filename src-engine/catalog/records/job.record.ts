/** What is written down of a job: what ran, how it ended and why. Its progress is not. */
import { z } from 'zod';
import { bytes, ErrorRecordSchema, WarningRecordSchema, word } from './fields.ts';
import { upgraded } from './upgrade.ts';

const phases = z.array(z.object({ phase: word, startedAt: z.iso.datetime(), elapsedMs: z.number().nonnegative() }));

const inside = z.object({
  changes: z.array(
    z.object({
      reason: word,
      kind: word,
      volume: z.string(),
      path: z.string(),
      before: z.string().nullable(),
      after: z.string().nullable(),
    }),
  ),
  identifiers: z
    .array(z.object({ reason: word, of: word, volume: z.string(), before: z.string(), after: z.string() }))
    .default([]),
  changedFiles: z.number().int().nonnegative(),
  sameFiles: z.number().int().nonnegative(),
  sameBytes: bytes,
});

const result = z
  .object({
    templateId: z.uuid().nullable(),
    versionNumber: z.number().int().positive().nullable(),
    processedBytes: bytes,
    storedBytes: bytes,
    writtenBytes: bytes.optional(),
    isOverTemplate: z.boolean().optional(),
    verifiedBytes: bytes,
    heldBackBytes: bytes.optional(),
    inside: inside.optional(),
    readBack: word,
    damagedTemplates: z.array(z.string()),
    boot: z
      .object({
        sign: word,
        seconds: z.number().nonnegative(),
        kernel: z.string().nullable(),
        firmware: word,
        isSecureBoot: z.boolean(),
        accelerator: word,
        bus: word.optional(),
        busesWithoutRoot: z.array(word).optional(),
        failedUnits: z.array(z.string()),
        lastLines: z.array(z.string()),
      })
      .optional(),
    notProven: ErrorRecordSchema.optional(),
  })
  .nullable();

const about = { kind: word, templateName: z.string(), path: z.string(), diskName: z.string().optional() };

export const JobRecordSchema = z.object({
  id: z.uuid(),
  ...about,
  state: word,
  /** what a job that was queued waited for */
  waitsFor: z
    .object({ claim: word, what: z.string(), jobs: z.array(z.object({ id: z.uuid(), ...about })) })
    .nullable()
    .default(null),
  outcome: word.nullable(),
  /** who started it; '' in what older versions wrote */
  user: z.string().default(''),
  /** its process died, and what it left beside its targets has not been removed yet */
  hasLeftovers: z.boolean().optional(),
  error: ErrorRecordSchema.nullable(),
  createdAt: z.iso.datetime(),
  startedAt: z.iso.datetime().nullable(),
  endedAt: z.iso.datetime().nullable(),
  phases,
  warnings: z.array(WarningRecordSchema),
  result,
  /** one for each target or disk */
  parts: z
    .array(
      z.object({
        path: z.string(),
        /** of a template, from 1 */
        disk: z.number().int().positive().optional(),
        planId: z.uuid().optional(),
        identity: word.optional(),
        state: word,
        outcome: word.nullable(),
        error: ErrorRecordSchema.nullable(),
        phases,
        result,
      }),
    )
    .default([]),
});
export type JobRecord = z.infer<typeof JobRecordSchema>;

/** @throws ZodError where it is none; EngineError `CATALOG_TOO_NEW` */
export function readJob(json: unknown): JobRecord {
  return JobRecordSchema.parse(upgraded(json, [], 'job'));
}
