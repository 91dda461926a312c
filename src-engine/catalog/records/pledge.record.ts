/** What a job owes to the world outside of the catalog, whatever becomes of its process. */
import { z } from 'zod';
import { word } from './fields.ts';

const text = z.string().max(4096);

export const PledgeSchema = z.discriminatedUnion('kind', [
  /** it ran when it was captured, and was shut down for that */
  z.object({ kind: z.literal('start-machine'), place: text, id: text }),
  /** its file systems stood still for a moment */
  z.object({ kind: z.literal('thaw-machine'), place: text, id: text }),
  /** it is read as it was at one moment, which its hypervisor keeps for it */
  z.object({
    kind: z.literal('end-backup'),
    place: text,
    id: text,
    socketPath: text,
    scratchPaths: z.array(text).max(1000),
  }),
  /** of a capture that has not become a version */
  z.object({ kind: z.literal('drop-checkpoint'), place: text, id: text, checkpoint: text }),
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
