/** What a capture knows of its version; fixed from then on. In the database, in its manifest and in packages. */
import { z } from 'zod';
import { DamageRecordSchema, LayoutRecordSchema, PlaceRecordSchema } from './disk.record.ts';
import { bytes, WarningRecordSchema, word } from './fields.ts';
import { GuestRecordSchema } from './guest.record.ts';
import { MachineRecordSchema } from './machine.record.ts';
import { upgraded } from './upgrade.ts';

export const ConfigurationRecordSchema = z.object({
  operatingSystem: z.string().max(200).nullable(),
  bootMode: word.nullable(),
  hasCloudInit: z.boolean().nullable(),
  cpus: z.number().int().positive().nullable(),
  memoryBytes: bytes.nullable(),
  networks: z.array(z.string().max(200)).max(100),
});
export type ConfigurationRecord = z.infer<typeof ConfigurationRecordSchema>;

const NOTHING: ConfigurationRecord = {
  operatingSystem: null,
  bootMode: null,
  hasCloudInit: null,
  cpus: null,
  memoryBytes: null,
  networks: [],
};

export const VersionRecordSchema = z.object({
  number: z.number().int().positive(),
  createdAt: z.iso.datetime(),
  source: PlaceRecordSchema,
  disk: LayoutRecordSchema,
  warnings: z.array(WarningRecordSchema),
  damage: DamageRecordSchema.nullable().default(null),
  medium: word.default('disk'),
  configuration: ConfigurationRecordSchema.default(NOTHING),
  guest: GuestRecordSchema.nullable().default(null),
  platform: word.nullable().default(null),
  machine: MachineRecordSchema.nullable().default(null),
  capacityBytes: bytes,
  usedBytes: bytes,
  /** compressed bytes that it refers to, shared ones included */
  storedBytes: bytes,
  /** compressed bytes that its capture added to the store */
  newBytes: bytes,
});
export type VersionRecord = z.infer<typeof VersionRecordSchema>;

/** @throws ZodError where it is none; EngineError `CATALOG_TOO_NEW` */
export function readVersion(json: unknown): VersionRecord {
  return VersionRecordSchema.parse(upgraded(json, [], 'version'));
}
