/** What a guest can start from: for each of its kernels, the drivers of disks that are there before its root file system is. */
import { z } from 'zod';
import { DISK_BUSES } from './boot.contract.ts';
import { bytes } from './disk.contract.ts';

/**
 * What a disk may be plugged into. Of SCSI each controller is one, since each has a driver of its own: `scsi` is virtio's, `pvscsi`, `lsilogic`
 * and `lsisas` are VMware's and VirtualBox's, the others are those of servers.
 */
export const DRIVER_BUSES = [
  'virtio',
  'scsi',
  'sata',
  'ide',
  'nvme',
  'usb',
  'mmc',
  'pvscsi',
  'lsilogic',
  'lsisas',
  'lsi53c8xx',
  'megasas',
  'mpt3sas',
  'xen',
  'hyperv',
] as const;
export type DriverBus = (typeof DRIVER_BUSES)[number];

/**
 * `kernel`: built into it; `first`: in its first file system, or started at boot by Windows; `installed`: it is on the disk and comes too late;
 * `none`: it is not there; `unknown`: what would tell could not be read.
 */
const DRIVER_PLACES = ['kernel', 'first', 'installed', 'none', 'unknown'] as const;
export type DriverPlace = (typeof DRIVER_PLACES)[number];

export const KernelDriversSchema = z.object({
  /** `uname -r`; 'Windows' where that is the system */
  version: z.string(),
  /** the kernel's own; empty where it is Windows */
  file: z.string().default(''),
  /** the boot loader starts it where nobody chooses */
  isDefault: z.boolean(),
  /** the file of its first file system; null: it has none, or is Windows */
  firstFile: z.string().nullable(),
  buses: z.record(z.enum(DRIVER_BUSES), z.enum(DRIVER_PLACES)),
});
export type KernelDrivers = z.infer<typeof KernelDriversSchema>;

/** The guest's own programs that make a first file system. */
export const DRIVER_WAYS = ['initramfs-tools', 'dracut', 'mkinitrd'] as const;

/**
 * First file systems that are made anew before a target is finished: its system is started in a virtual machine without a network, runs its own
 * program there, and only the files that this made are taken over.
 */
export const DriverMakingSchema = z.object({
  way: z.enum(DRIVER_WAYS),
  /** what its disk is plugged into there: one that it knows */
  startBus: z.enum(DISK_BUSES),
  /** what it is to start from afterwards */
  buses: z.array(z.enum(DRIVER_BUSES)).min(1),
  /** the one that is started for it first */
  kernels: z.array(KernelDriversSchema.pick({ version: true, file: true }).extend({ firstFile: z.string() })).min(1),
  /** how long it takes at most; a tenth of it is usual where the processor helps */
  timeoutSeconds: z.number().int().positive(),
});
export type DriverMaking = z.infer<typeof DriverMakingSchema>;

/** What virtio has disks on. */
export const VIRTIO_BUSES = ['virtio', 'scsi'] as const satisfies readonly DriverBus[];
export type VirtioBus = (typeof VIRTIO_BUSES)[number];

/** Drivers that are put into a Windows before a target is finished, out of an ISO of the virtio-win project. */
export const PutInDriversSchema = z.object({
  /** the file that they are taken from */
  iso: z.string(),
  /** of Windows, as its guest says it: `windows-10` */
  release: z.string(),
  /** of the ISO, below that of each driver: `w10/amd64` */
  folder: z.string(),
  drivers: z
    .array(
      z.object({
        /** of the service: `viostor` */
        name: z.string(),
        bus: z.enum(VIRTIO_BUSES),
        files: z.array(z.object({ name: z.string(), lengthBytes: bytes, sha256: z.string() })),
      }),
    )
    .min(1),
});
export type PutInDrivers = z.infer<typeof PutInDriversSchema>;

/** `all`: first file systems are made anew, with the drivers that the guest has. */
export const DRIVER_CHOICES = ['keep', 'all'] as const;
