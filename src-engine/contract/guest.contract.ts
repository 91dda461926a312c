/** What is installed on a disk, as its own files tell it. Every datum says where it was read; what could not be told is null. */
import { z } from 'zod';
import { WarningSchema } from './warnings.ts';

const datum = <T extends z.ZodType>(value: T) => z.object({ value: value.nullable(), origin: z.string() });
const text = datum(z.string());
const flag = datum(z.boolean());
const list = datum(z.array(z.string()));

/** A known value of a guest, and the file it was read from; value null: unknown, and origin is what was looked for. */
export interface GuestDatum<T> {
  readonly value: T | null;
  readonly origin: string;
}

export const BOOT_LOADERS = [
  'grub-mbr',
  'syslinux-mbr',
  'windows-mbr',
  'unknown-mbr',
  'windows-boot-manager',
  'ntldr',
  'esp',
  'esp-fallback',
] as const;

export const GUEST_FAMILIES = ['linux', 'windows', 'other'] as const;
export const KERNEL_ORIGINS = ['distribution', 'custom'] as const;
export const FSTAB_REFERENCES = [
  'uuid',
  'label',
  'partuuid',
  'partlabel',
  'id',
  'mapper',
  'device-name',
  'other',
] as const;

export const BootLoaderSchema = z.object({
  kind: z.enum(BOOT_LOADERS),
  /** the sector, or the file with its volume */
  origin: z.string(),
});
export type BootLoader = z.infer<typeof BootLoaderSchema>;

export const FstabEntrySchema = z.object({
  device: z.string(),
  mountPoint: z.string(),
  type: z.string(),
  options: z.string(),
  reference: z.enum(FSTAB_REFERENCES),
  /** the volume of this disk that is meant; null: none, or it cannot be told */
  volume: z.string().nullable(),
});
export type FstabEntry = z.infer<typeof FstabEntrySchema>;

export const KernelSchema = z.object({
  version: z.string(),
  file: z.string(),
  kind: z.enum(KERNEL_ORIGINS).nullable(),
  /** how that was decided: a file of the package database, or the pattern of its name */
  decidedBy: z.string(),
});
export type Kernel = z.infer<typeof KernelSchema>;

export const GuestSchema = z.object({
  family: datum(z.enum(GUEST_FAMILIES)),
  /** 'centos', 'ubuntu', 'windows-server'… */
  distribution: text,
  version: text,
  /** the name that it gives itself */
  name: text,
  release: text,
  pointRelease: text,
  edition: text,
  architecture: text,
  kernels: datum(z.array(KernelSchema)),
  /** version of the kernel that the boot loader starts by default */
  bootKernel: text,
  kernelOrigin: datum(z.enum(KERNEL_ORIGINS)),
  bootLoaders: datum(z.array(BootLoaderSchema)),
  bootModes: datum(z.array(z.enum(['bios', 'uefi']))),
  usesLvm: flag,
  isEncrypted: flag,
  fstab: datum(z.array(FstabEntrySchema)),
  usesSwap: flag,
  mountsByDeviceName: flag,
  networkSystems: list,
  hasCloudInit: flag,
  guestAgents: list,
  /** Windows: what setup says of the image, 'IMAGE_STATE_COMPLETE'… */
  sysprepState: text,
  machineId: text,
  sshHostKeys: list,
  isGeneralized: flag,
  hostname: text,
  endOfLife: datum(z.object({ date: z.iso.date(), tableDate: z.iso.date() })),
  warnings: z.array(WarningSchema),
});
export type Guest = z.infer<typeof GuestSchema>;
