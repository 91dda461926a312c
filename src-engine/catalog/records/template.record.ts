/** `manifests/ID.json`, and in each manifest what it was at the capture: the editable part of a template. */
import { z } from 'zod';
import { word } from './fields.ts';
import { upgraded } from './upgrade.ts';

export const TemplateRecordSchema = z.object({
  id: z.uuid(),
  name: z
    .string()
    .min(1)
    .max(128)
    .regex(/^[^\p{Cc}/@]+$/u),
  note: z.string().max(10_000),
  tags: z.array(z.string().min(1).max(64)).max(50),
  kind: word,
  status: word,
  visibility: word,
  licence: word.default('none'),
  owner: z.string().max(200).default(''),
  sharedWith: z.array(z.string().max(200)).max(100).default([]),
  policy: z.string().max(64).nullable().default(null),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
  deletedAt: z.iso.datetime().nullable(),
  /** numbers of versions that wait in the bin by themselves */
  deletedVersions: z.array(z.number().int().positive()),
  /** names of its versions' manifests, in the order of their numbers, and of its attachments */
  manifests: z.array(z.string()).default([]),
  /** counts its changes: the higher one of two records is the newer, whatever the clock says */
  revision: z.number().int().nonnegative().default(0),
});
export type TemplateRecord = z.infer<typeof TemplateRecordSchema>;

/** @throws ZodError where it is none; EngineError `CATALOG_TOO_NEW` */
export function readTemplate(json: unknown): TemplateRecord {
  return TemplateRecordSchema.parse(upgraded(json, [], 'template'));
}
