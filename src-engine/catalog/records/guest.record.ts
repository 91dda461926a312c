/** What is written down of the system that was installed on a disk. */
import { z } from 'zod';
import { WarningRecordSchema, word } from './fields.ts';

const datum = <T extends z.ZodType>(value: T) => z.object({ value: value.nullable(), origin: z.string() });
const text = datum(z.string());
const flag = datum(z.boolean());
const list = datum(z.array(z.string()));

export const GuestRecordSchema = z.object({
  family: datum(word),
  distribution: text,
  version: text,
  name: text,
  release: text,
  pointRelease: text,
  edition: text,
  architecture: text,
  kernels: datum(
    z.array(z.object({ version: z.string(), file: z.string(), kind: word.nullable(), decidedBy: z.string() })),
  ),
  bootKernel: text,
  kernelOrigin: datum(word),
  bootLoaders: datum(z.array(z.object({ kind: word, origin: z.string() }))),
  bootModes: datum(z.array(word)),
  usesLvm: flag,
  isEncrypted: flag,
  fstab: datum(
    z.array(
      z.object({
        device: z.string(),
        mountPoint: z.string(),
        type: z.string(),
        options: z.string(),
        reference: word,
        volume: z.string().nullable(),
      }),
    ),
  ),
  usesSwap: flag,
  mountsByDeviceName: flag,
  networkSystems: list,
  hasCloudInit: flag,
  guestAgents: list,
  sysprepState: text,
  machineId: text,
  sshHostKeys: list,
  isGeneralized: flag,
  hostname: text,
  endOfLife: datum(z.object({ date: z.iso.date(), tableDate: z.iso.date() })),
  warnings: z.array(WarningRecordSchema),
});
export type GuestRecord = z.infer<typeof GuestRecordSchema>;
