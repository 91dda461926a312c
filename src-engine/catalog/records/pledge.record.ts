/** What a job owes to the world outside of the catalog, whatever becomes of its process. */
import { z } from 'zod';
import { word } from './fields.ts';

const text = z.string().max(4096);

export const PledgeSchema = z.discriminatedUnion('kind', [
  /** it ran when it was captured, and was shut down for that */
  z.object({ kind: z.literal('start-machine'), place: text, id: text }),
  /** its disks were named, and it may have been defined, before all of it was there; files are known by their inodes */
  z.object({
    kind: z.literal('unmake-machine'),
    place: text,
    id: text,
    files: z.array(z.object({ path: text, inode: text })).max(200),
  }),
]);
export type Pledge = z.infer<typeof PledgeSchema>;

export const PledgeRecordSchema = z.object({
  id: z.uuid(),
  createdAt: z.iso.datetime(),
  /** as text of `catalog/runner` */
  runner: text,
  /** of a later Diskpress it may be any: that one keeps it */
  pledge: z.looseObject({ kind: word }),
});
export type PledgeRecord = z.infer<typeof PledgeRecordSchema>;
