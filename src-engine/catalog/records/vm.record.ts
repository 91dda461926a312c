/** What is written down of the hardware of the virtual machine that a version was captured from. In all of it null means that it was not said. */
import { z } from 'zod';
import { bytes, word } from './fields.ts';

const text = z.string().max(500);
const count = z.number().int().positive();

export const VmRecordSchema = z.object({
  hypervisor: word,
  name: text,
  title: text.nullable(),
  operatingSystem: text.nullable(),
  architecture: text.nullable(),
  machineType: text.nullable(),
  processors: z.object({
    count: count.nullable(),
    model: text.nullable(),
    topology: z.object({ sockets: count, dies: count, cores: count, threads: count }).nullable(),
  }),
  memoryBytes: bytes.nullable(),
  firmware: word.nullable(),
  hasSecureBoot: z.boolean(),
  tpm: z.object({ model: text.nullable(), version: text.nullable() }).nullable(),
  bootDevices: z.array(text).max(16),
  disks: z
    .array(
      z.object({
        kind: word,
        disk: count.nullable(),
        name: text,
        bus: text.nullable(),
        controller: text.nullable(),
        serial: text.nullable(),
        wwn: text.nullable(),
        bootOrder: count.nullable(),
        format: text.nullable(),
        cache: text.nullable(),
        discard: text.nullable(),
        isReadOnly: z.boolean(),
        isShared: z.boolean(),
        sectorBytes: count.nullable(),
        physicalSectorBytes: count.nullable(),
      }),
    )
    .max(1000),
  cards: z
    .array(
      z.object({
        model: text.nullable(),
        kind: word,
        to: text.nullable(),
        mac: text.nullable(),
        bootOrder: count.nullable(),
        isPluggedIn: z.boolean(),
      }),
    )
    .max(1000),
  video: z.array(z.object({ model: text.nullable(), memoryBytes: bytes.nullable() })).max(16),
  screens: z.array(text).max(16),
  sound: z.array(text).max(16),
  hasSerialConsole: z.boolean(),
  hasGuestAgent: z.boolean(),
  hasRandomSource: z.boolean(),
  watchdog: text.nullable(),
  clock: word.nullable(),
  timezone: text.nullable(),
  features: z.array(text).max(100),
  removed: z.array(text).max(1000),
});
export type VmRecord = z.infer<typeof VmRecordSchema>;
