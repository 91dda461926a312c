/** What a guest can start from: for each of its kernels, the drivers of disks that are there before its root file system is. */
import { z } from 'zod';

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
  /** the boot loader starts it where nobody chooses */
  isDefault: z.boolean(),
  /** the file of its first file system; null: it has none, or is Windows */
  firstFile: z.string().nullable(),
  buses: z.record(z.enum(DRIVER_BUSES), z.enum(DRIVER_PLACES)),
});
export type KernelDrivers = z.infer<typeof KernelDriversSchema>;
