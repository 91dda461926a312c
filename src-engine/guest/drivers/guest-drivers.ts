/** What a guest can start from, by what is on its disk: nothing of it is run. */
import { DISK_BUSES, type DiskBus } from '../../contract/boot.contract.ts';
import type { DriverBus, KernelDrivers } from '../../contract/drivers.contract.ts';
import type { GuestVolume } from '../guest-input.ts';
import { openGuestFiles } from '../open-guest-files.ts';
import { linuxDrivers } from './linux-drivers.ts';
import { windowsDrivers } from './windows-drivers.ts';

/** Each first file system is unpacked to be looked through. */
const MAX_KERNELS = 4;

/**
 * @returns for each kernel, the one that starts by default first; empty where no system is found, or none of its kernels
 * @throws EngineError `ABORTED`; what is damaged is unknown
 */
export async function readGuestDrivers(
  volumes: readonly GuestVolume[],
  signal: AbortSignal,
  maxKernels = MAX_KERNELS,
): Promise<KernelDrivers[]> {
  const opened = await openGuestFiles(volumes, signal);
  if (!opened) return [];
  const { family, files } = opened;
  return family === 'windows' ? windowsDrivers(files) : linuxDrivers(files, maxKernels, signal);
}

export const canStartFrom = ({ buses }: KernelDrivers, bus: DriverBus): boolean =>
  buses[bus] === 'kernel' || buses[bus] === 'first';

/**
 * Which buses a new virtual machine may have its disks on, the best first: those from which the kernel that starts by default finds its root.
 * @returns empty where it knows none of them, or that cannot be told
 */
export function busesOf(drivers: readonly KernelDrivers[]): DiskBus[] {
  const [first] = drivers;
  return first ? BEST_FIRST.filter((bus) => canStartFrom(first, bus)) : [];
}

const BEST_FIRST: readonly DiskBus[] = [
  'virtio',
  'scsi',
  ...DISK_BUSES.filter((bus) => bus !== 'virtio' && bus !== 'scsi'),
];
