/** A line of the audit log: who did what to which template or disk, and when. */
import { z } from 'zod';
import { word } from './fields.ts';

export const AuditRecordSchema = z.object({
  id: z.number().int(),
  at: z.iso.datetime(),
  user: z.string(),
  /** as `template.edited`: past tense */
  action: word,
  subject: z.string(),
  data: z.record(z.string(), z.unknown()),
});
export type AuditRecord = z.infer<typeof AuditRecordSchema>;
