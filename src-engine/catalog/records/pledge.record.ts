/** What a job owes to the world outside of the catalog, whatever becomes of its process. */
import { z } from 'zod';
import { bytes, word } from './fields.ts';

const text = z.string().max(4096);

/** A machine whose disks lie over a template that is served to it. */
export const ServedMachineSchema = z.object({
  kind: z.literal('serve-machine'),
  place: text,
  /** by which its hypervisor knows it */
  id: text,
  /** it stays over the template; else what it has of that is brought into its disks */
  isLinked: z.boolean(),
  disks: z
    .array(
      z.object({
        /** of the folder of its relay */
        relay: z.uuid(),
        templateId: z.uuid(),
        versionNumber: z.number().int().positive(),
        /** of the version's disks, from 1 */
        disk: z.number().int().positive(),
        /** in the machine: 'vda' */
        name: text,
        /** of the overlay */
        path: text,
        lengthBytes: bytes,
      }),
    )
    .min(1)
    .max(1024),
});
export type ServedMachine = z.infer<typeof ServedMachineSchema>;

/** A machine that is being made over a template: its disks are not served to it yet. */
export const NeededTemplateSchema = z.object({
  kind: z.literal('need-template'),
  place: text,
  templateId: z.uuid(),
  versionNumber: z.number().int().positive(),
});

export const PledgeSchema = z.discriminatedUnion('kind', [
  /** it ran when it was captured, and was shut down for that */
  z.object({
    kind: z.literal('start-machine'),
    place: text,
    id: text,
    /** it was asked to shut down, and while it runs it may still do so until then */
    mayGoOffUntil: z.iso.datetime().optional(),
  }),
  ServedMachineSchema,
  NeededTemplateSchema,
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
  /** its disks were named or made, and it may have been defined, before all of it was there; files are known by their inodes, volumes by their keys */
  z.object({
    kind: z.literal('unmake-machine'),
    place: text,
    id: text,
    files: z.array(z.object({ path: text, inode: text })).max(200),
    /** where its disks were to lie; '': not known */
    pool: text.default(''),
    volumes: z
      .array(z.object({ name: text, key: text.nullable(), lengthBytes: bytes }))
      .max(200)
      .default([]),
  }),
]);
export type Pledge = z.infer<typeof PledgeSchema>;

export const PledgeRecordSchema = z.object({
  id: z.uuid(),
  createdAt: z.iso.datetime(),
  /** as text of `catalog/runner`; '': nobody's at present */
  runner: text,
  /** of a later Diskpress it may be any: that one keeps it */
  pledge: z.looseObject({ kind: word }),
});
export type PledgeRecord = z.infer<typeof PledgeRecordSchema>;
