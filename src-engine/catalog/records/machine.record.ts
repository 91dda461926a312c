/** What is written down of the machine that a version was captured from. In all of it null means unknown. */
import { z } from 'zod';
import { bytes, word } from './fields.ts';

const text = z.string().max(200);

export const MachineRecordSchema = z.object({
  name: z.string().min(1).max(128),
  recordedAt: z.iso.datetime(),
  maker: text.nullable(),
  product: text.nullable(),
  boardMaker: text.nullable(),
  board: text.nullable(),
  firmware: word.nullable(),
  isVirtual: z.boolean().nullable(),
  processor: text.nullable(),
  cores: z.number().int().positive().nullable(),
  memoryBytes: bytes.nullable(),
  drives: z
    .array(
      z.object({
        model: text,
        serial: text,
        bus: text,
        lengthBytes: bytes,
        sectorBytes: z.number().int().positive(),
        physicalSectorBytes: z.number().int().positive(),
        isRemovable: z.boolean(),
        health: word.nullable(),
      }),
    )
    .nullable(),
  arrays: z.array(z.object({ name: text, kind: word, level: text.nullable(), members: z.array(text) })).nullable(),
  hasTpm: z.boolean().nullable(),
  graphics: z.array(z.object({ model: text, kind: word })).nullable(),
  networks: z
    .array(z.object({ name: text, mac: text, isPhysical: z.boolean(), isPublic: z.boolean().nullable() }))
    .nullable(),
});
export type MachineRecord = z.infer<typeof MachineRecordSchema>;
