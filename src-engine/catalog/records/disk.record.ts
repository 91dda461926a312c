/** What is written down of a disk that was captured: where it was, what it looked like, what of it could not be read. */
import { z } from 'zod';
import { bytes, WarningRecordSchema, word } from './fields.ts';

const sectors = { sectorBytes: z.number().int().positive(), physicalSectorBytes: z.number().int().positive() };

export const PlaceRecordSchema = z.object({
  kind: word,
  path: z.string(),
  model: z.string(),
  serial: z.string(),
  lengthBytes: bytes,
  ...sectors,
  identity: z
    .object({ number: z.string(), wwn: z.string(), ids: z.array(z.string()), generation: z.string() })
    .optional(),
});
export type PlaceRecord = z.infer<typeof PlaceRecordSchema>;

const FileSystemRecordSchema = z.object({
  kind: word,
  label: z.string(),
  uuid: z.string(),
  blockBytes: bytes,
  lengthBytes: bytes,
  usedBytes: bytes,
});
export type FileSystemRecord = z.infer<typeof FileSystemRecordSchema>;

/** What partitions and volumes in groups have alike. */
const content = {
  fileSystem: FileSystemRecordSchema.nullable(),
  recognised: z.string().nullable(),
  recognisedLabel: z.string().default(''),
  recognisedUuid: z.string().default(''),
  captureAs: word,
  usedBytes: bytes,
  warnings: z.array(WarningRecordSchema),
};

const VolumeRecordSchema = z.object({
  index: z.number().int().nonnegative(),
  ref: z.string().default(''),
  number: z.number().int().positive().nullable(),
  startBytes: bytes,
  lengthBytes: bytes,
  typeId: z.string(),
  name: z.string(),
  partitionUuid: z.string().default(''),
  isLogical: z.boolean(),
  isBootable: z.boolean(),
  ...content,
});

const GroupRecordSchema = z.object({
  kind: word,
  name: z.string(),
  uuid: z.string(),
  members: z.array(z.number().int().nonnegative()),
  missingMembers: z.number().int().nonnegative(),
  volumes: z.array(z.object({ ref: z.string(), lengthBytes: bytes, mapping: z.string(), ...content })),
});

const AccountRecordSchema = z.object({
  lengthBytes: bytes,
  capturedBytes: bytes,
  takenBytes: bytes,
  freeBytes: bytes,
  free: z.array(z.object({ by: z.string(), lengthBytes: bytes })),
  zeroBytes: bytes,
  leftBytes: bytes,
  outsideBytes: bytes,
  lookedBytes: bytes,
  outside: word,
  isUndecided: z.boolean(),
  pieces: z.array(
    z.object({
      place: word,
      volume: z.string(),
      startBytes: bytes,
      lengthBytes: bytes,
      lookedBytes: bytes,
      takenBytes: bytes,
      zeroBytes: bytes,
      leftBytes: bytes,
      names: z.array(z.string()),
    }),
  ),
});
export type AccountRecord = z.infer<typeof AccountRecordSchema>;

/** Its table and volumes as they were understood when it was captured. */
export const LayoutRecordSchema = z.object({
  lengthBytes: bytes,
  ...sectors,
  table: word,
  tableId: z.string(),
  volumes: z.array(VolumeRecordSchema),
  groups: z.array(GroupRecordSchema).default([]),
  usedBytes: bytes,
  warnings: z.array(WarningRecordSchema),
  account: AccountRecordSchema.nullable().default(null),
});
export type LayoutRecord = z.infer<typeof LayoutRecordSchema>;

export const DamageRecordSchema = z.object({
  lengthBytes: bytes,
  extents: z.array(z.object({ startBytes: bytes, lengthBytes: bytes })).max(1000),
  files: z.array(z.object({ volume: z.string(), path: z.string(), lengthBytes: bytes })).max(1000),
});
export type DamageRecord = z.infer<typeof DamageRecordSchema>;
