/** A machine profile: what is known of one machine, probed here, recorded at a capture, or typed in for one that is elsewhere. */
import { z } from 'zod';
import { bytes } from './disk.contract.ts';

const text = z.string().max(200);

export const FIRMWARES = ['bios', 'uefi'] as const;
export const DRIVE_HEALTHS = ['good', 'failing'] as const;
export const ARRAY_KINDS = ['md', 'hardware'] as const;
export const GRAPHICS_KINDS = ['gpu', 'vgpu', 'display'] as const;

export const DriveSchema = z.strictObject({
  model: text,
  serial: text,
  bus: text,
  lengthBytes: bytes,
  sectorBytes: z.number().int().positive(),
  physicalSectorBytes: z.number().int().positive(),
  isRemovable: z.boolean(),
  /** what the drive's own checks say (SMART); null: unknown */
  health: z.enum(DRIVE_HEALTHS).nullable(),
});
export type Drive = z.infer<typeof DriveSchema>;

export const RaidArraySchema = z.strictObject({
  name: text,
  kind: z.enum(ARRAY_KINDS),
  /** 'raid0', 'raid1', 'raid5'…; null: a controller that does not tell */
  level: text.nullable(),
  /** drives in it; empty where a controller hides them */
  members: z.array(text).max(256),
});
export type RaidArray = z.infer<typeof RaidArraySchema>;

/** In all of it null, and only null, means unknown: rules on it warn. */
export const MachineProfileSchema = z.strictObject({
  name: z.string().trim().min(1).max(128),
  recordedAt: z.iso.datetime(),
  maker: text.nullable(),
  product: text.nullable(),
  boardMaker: text.nullable(),
  board: text.nullable(),
  firmware: z.enum(FIRMWARES).nullable(),
  isVirtual: z.boolean().nullable(),
  processor: text.nullable(),
  cores: z.number().int().positive().max(100_000).nullable(),
  memoryBytes: bytes.nullable(),
  drives: z.array(DriveSchema).max(1000).nullable(),
  arrays: z.array(RaidArraySchema).max(1000).nullable(),
  hasTpm: z.boolean().nullable(),
  graphics: z
    .array(z.strictObject({ model: text, kind: z.enum(GRAPHICS_KINDS) }))
    .max(100)
    .nullable(),
  networks: z
    .array(z.strictObject({ name: text, mac: text, isPhysical: z.boolean(), isPublic: z.boolean().nullable() }))
    .max(1000)
    .nullable(),
});
export type MachineProfile = z.infer<typeof MachineProfileSchema>;
