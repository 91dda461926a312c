/** What a disk looks like to a person: its table, its volumes, and how much of each is used. Sizes are in bytes. */
import { z } from 'zod';
import { AccountSchema } from './account.contract.ts';
import { orUnknown } from './open-words.ts';
import { WarningSchema } from './warnings.ts';

export const bytes = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);

export const FILE_SYSTEM_KINDS = [
  'ext2',
  'ext3',
  'ext4',
  'fat12',
  'fat16',
  'fat32',
  'exfat',
  'ntfs',
  'xfs',
  'btrfs',
  'swap',
] as const;
export type FileSystemKind = (typeof FILE_SYSTEM_KINDS)[number];

export const FileSystemViewSchema = z.object({
  kind: orUnknown(FILE_SYSTEM_KINDS),
  label: z.string(),
  uuid: z.string(),
  blockBytes: bytes,
  /** the file system's own length; may be less than its partition's */
  lengthBytes: bytes,
  usedBytes: bytes,
});
export type FileSystemView = z.infer<typeof FileSystemViewSchema>;

export const TABLES = ['gpt', 'mbr', 'none'] as const;
export const GROUP_KINDS = ['lvm2', 'md-raid'] as const;
/** how a capture takes a volume: used blocks only, everything, or the header alone (swap) */
export const CAPTURED_AS = ['used-blocks', 'whole', 'header-only'] as const;
export type CapturedAs = (typeof CAPTURED_AS)[number];

export const VolumeViewSchema = z.object({
  /** place among the disk's volumes, from 0, in order of start */
  index: z.number().int().nonnegative(),
  /** how every command names it: `number` as text, '0' where the whole disk is the volume; '' in what older versions wrote */
  ref: z.string().default(''),
  /** number of the partition in its table, from 1; null where the whole disk is the volume */
  number: z.number().int().positive().nullable(),
  startBytes: bytes,
  lengthBytes: bytes,
  /** GPT type GUID in upper case, MBR type as two hexadecimal digits, or '' without a table */
  typeId: z.string(),
  /** the partition's own name (GPT), or '' */
  name: z.string(),
  /** PARTUUID as blkid has it, or '' */
  partitionUuid: z.string().default(''),
  isLogical: z.boolean(),
  isBootable: z.boolean(),
  fileSystem: FileSystemViewSchema.nullable(),
  /** a recognised thing that is captured whole: 'luks', 'lvm2', 'ntfs', 'xfs'…, or null */
  recognised: z.string().nullable(),
  /** what {@link recognised} calls itself, and its UUID or what it has instead; '' where it has none, and where nobody looked */
  recognisedLabel: z.string().default(''),
  recognisedUuid: z.string().default(''),
  captureAs: orUnknown(CAPTURED_AS),
  /** bytes that a capture reads */
  usedBytes: bytes,
  warnings: z.array(WarningSchema),
});
export type VolumeView = z.infer<typeof VolumeViewSchema>;

/** A volume that lies inside others: a logical volume of LVM2, or what the members of a RAID 1 mirror. */
export const InnerVolumeViewSchema = z.object({
  /** how `files` names it: `GROUP/NAME` */
  ref: z.string(),
  lengthBytes: bytes,
  /** 'linear', 'striped', 'mirror' (RAID 1); others are captured whole: 'thin-pool', 'cache', 'raid5'… */
  mapping: z.string(),
  fileSystem: FileSystemViewSchema.nullable(),
  recognised: z.string().nullable(),
  recognisedLabel: z.string().default(''),
  recognisedUuid: z.string().default(''),
  captureAs: orUnknown(CAPTURED_AS),
  usedBytes: bytes,
  warnings: z.array(WarningSchema),
});
export type InnerVolumeView = z.infer<typeof InnerVolumeViewSchema>;

/** Volumes that together hold others: a volume group of LVM2, an array of MD. */
export const VolumeGroupViewSchema = z.object({
  kind: orUnknown(GROUP_KINDS),
  name: z.string(),
  uuid: z.string(),
  /** indices of the disk's volumes that are its members */
  members: z.array(z.number().int().nonnegative()),
  /** members that are not on this disk; more than 0: what it holds is captured as it lies, whole, unless each member holds all */
  missingMembers: z.number().int().nonnegative(),
  volumes: z.array(InnerVolumeViewSchema),
});
export type VolumeGroupView = z.infer<typeof VolumeGroupViewSchema>;

export const DiskViewSchema = z.object({
  lengthBytes: bytes,
  sectorBytes: z.number().int().positive(),
  physicalSectorBytes: z.number().int().positive(),
  table: orUnknown(TABLES),
  /** GPT disk GUID or MBR signature, or '' */
  tableId: z.string(),
  volumes: z.array(VolumeViewSchema),
  groups: z.array(VolumeGroupViewSchema).default([]),
  /** what a capture takes: volumes' used bytes, the tables and boot code around them, and what it takes of what lies outside */
  usedBytes: bytes,
  warnings: z.array(WarningSchema),
  /** every byte of the disk by what becomes of it; null for what was captured before this was kept, and where nobody asked */
  account: AccountSchema.nullable().default(null),
});
export type DiskView = z.infer<typeof DiskViewSchema>;

/** Raw is what nothing else claims: where nothing on it is known either, it may be anything. */
export function isNothingRecognised({ table, volumes, groups }: DiskView): boolean {
  return (
    table === 'none' &&
    groups.length === 0 &&
    volumes.every(({ fileSystem, recognised }) => fileSystem === null && recognised === null)
  );
}

/** What tells an attached device from others beside its serial number, which many have not: as the system knows it now. */
export const DeviceIdentitySchema = z.object({
  /** 'MAJOR:MINOR' */
  number: z.string(),
  /** World Wide Name or what NVMe has instead, or '' */
  wwn: z.string(),
  /** udev's names for what it is and where it is plugged in: `by-id/…`, `by-path/…` */
  ids: z.array(z.string()),
  /** the kernel's count of disks and media (diskseq): another number is another one, or another file behind a loop device; or '' */
  generation: z.string(),
});
export type DeviceIdentity = z.infer<typeof DeviceIdentitySchema>;

/** Formats of disks in one file, as a person or a machine names them. */
export const DISK_FORMATS = ['raw', 'qcow2', 'vmdk', 'vdi', 'vhd', 'vhdx', 'android-sparse'] as const;
export type DiskFormat = (typeof DISK_FORMATS)[number];

/** Where a disk is: an attached device or an image file, with what identifies it. */
export const PLACE_KINDS = ['device', 'file'] as const;
export const PlaceViewSchema = z.object({
  kind: z.enum(PLACE_KINDS),
  path: z.string(),
  /** maker and model as the device tells them, or the file's name */
  model: z.string(),
  /** serial number, or '' where the device has none */
  serial: z.string(),
  lengthBytes: bytes,
  sectorBytes: z.number().int().positive(),
  physicalSectorBytes: z.number().int().positive(),
  /** of a device; older catalogs do not have it */
  identity: DeviceIdentitySchema.optional(),
});
export type PlaceView = z.infer<typeof PlaceViewSchema>;

/** Where a disk was when it was captured. */
export const RecordedPlaceViewSchema = PlaceViewSchema.extend({ kind: orUnknown(PLACE_KINDS) });
export type RecordedPlaceView = z.infer<typeof RecordedPlaceViewSchema>;

/** A reason why a device may not be captured or deployed to. Words: `refusal.CODE`. */
export const REFUSAL_CODES = [
  'MOUNTED_READ_WRITE',
  'MOUNTED',
  'SYSTEM_DISK',
  'HOLDS_CATALOG',
  'IN_USE',
  'READ_ONLY',
  'NO_MEDIUM',
  'NO_PERMISSION',
] as const;
export const RefusalSchema = z.object({
  code: z.enum(REFUSAL_CODES),
  /** mount points, swap devices or holders that explain it */
  details: z.array(z.string()),
});
export type Refusal = z.infer<typeof RefusalSchema>;

export const DeviceViewSchema = PlaceViewSchema.extend({
  kind: z.literal('device'),
  bus: z.string(),
  isRemovable: z.boolean(),
  isReadOnly: z.boolean(),
  isRotational: z.boolean(),
  mounts: z.array(z.object({ device: z.string(), path: z.string(), isReadOnly: z.boolean() })),
  /** why it cannot be a source; empty: it can */
  captureRefusals: z.array(RefusalSchema),
  /** why it cannot be a target; empty: it can */
  deployRefusals: z.array(RefusalSchema),
  /** for what whoever is at work lacks rights that are asked for when it comes to it */
  asksRights: z.object({ toRead: z.boolean(), toWrite: z.boolean() }),
});
export type DeviceView = z.infer<typeof DeviceViewSchema>;
