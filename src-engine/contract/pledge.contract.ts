/** What jobs whose process is gone still owe: a machine that is to be started again. */
import { z } from 'zod';
import { ErrorViewSchema } from './errors.ts';

export const PLEDGE_KINDS = [
  'start-machine',
  'unmake-machine',
  'thaw-machine',
  'end-backup',
  'drop-checkpoint',
  'need-template',
  'unknown',
] as const;

export const PledgeViewSchema = z.object({
  id: z.uuid(),
  /** `unknown`: a later Diskpress gave it */
  kind: z.enum(PLEDGE_KINDS),
  createdAt: z.iso.datetime(),
  /** what it is about: 'libvirt:NAME' */
  place: z.string().max(4096),
  /** why it could not be done the last time; null: it was not tried yet */
  error: ErrorViewSchema.nullable(),
});
export type PledgeView = z.infer<typeof PledgeViewSchema>;
