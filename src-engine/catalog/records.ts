/** What is written down of a template and of a version, in the database and, for repair, in files beside it. */
import { z } from 'zod';
import { TemplateViewSchema, VersionViewSchema } from '../contract/template.contract.ts';

/** `templates/ID.json`: the editable part of a template. */
export const TemplateRecordSchema = TemplateViewSchema.omit({ versions: true }).extend({
  /** numbers of versions that wait in the bin by themselves */
  deletedVersions: z.array(z.number().int().positive()),
  /** names of its versions' manifests, in no order */
  manifests: z.array(z.string()).default([]),
  /** counts its changes: the higher one of two records is the newer, whatever the clock says */
  revision: z.number().int().nonnegative().default(0),
});
export type TemplateRecord = z.infer<typeof TemplateRecordSchema>;

/** What a capture knows of its version; fixed from then on. */
export const VersionRecordSchema = VersionViewSchema.omit({ health: true, verifiedAt: true });
export type VersionRecord = z.infer<typeof VersionRecordSchema>;
