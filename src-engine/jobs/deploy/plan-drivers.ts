/** What of a deploy's plan is about drivers: whether the guest can start from what the target is plugged into, and what can be done where it cannot. */
import { DISK_BUSES, type DiskBus } from '../../contract/boot.contract.ts';
import type { DeviceView } from '../../contract/disk.contract.ts';
import type { DriverBus, DriverMaking, KernelDrivers } from '../../contract/drivers.contract.ts';
import type { MessageData } from '../../contract/errors.ts';
import type { Check } from '../../contract/warnings.ts';
import { busesOf, canStartFrom } from '../../guest/drivers/guest-drivers.ts';
import { openGuestFiles } from '../../guest/open-guest-files.ts';
import { findTool } from '../../tools/tools.ts';
import type { DeployRecord } from '../plan-records.ts';
import { wayOf } from './driver-script.ts';
import type { OpenedDisk } from './opened-disk.ts';
import { writeRefusal } from './write-refusal.ts';

export interface DriversPlan {
  readonly drivers: KernelDrivers[];
  readonly making: DriverMaking | null;
  readonly checks: Check[];
}

export interface DriversAsked {
  readonly request: Pick<DeployRecord['request'], 'bus' | 'drivers' | 'bootProof' | 'exact' | 'served'>;
  /** what it is plugged into in the machine that it becomes a disk of; null: in none that is known */
  readonly vmBus: DiskBus | null;
  /** null: the target is a file, for a virtual machine */
  readonly device: Pick<DeviceView, 'bus'> | null;
  /** see {@link Reach} */
  readonly hasRoot: boolean;
  /** the disk is its machine's only one */
  readonly isAlone: boolean;
}

/** What disks on the buses of attached devices are to a kernel; of SAS any controller may be meant. */
const OF_DEVICE: Readonly<Record<string, readonly DriverBus[]>> = {
  nvme: ['nvme'],
  sata: ['sata'],
  usb: ['usb'],
  mmc: ['mmc'],
  sas: ['mpt3sas', 'megasas'],
  virtio: ['virtio'],
  xen: ['xen'],
};
/** A machine of a few hundred megahertz, as emulation gives, takes some minutes for each kernel. */
const SECONDS_TO_START = 600;
const SECONDS_FOR_KERNEL = 900;

/** @param drivers of its guest's kernels, the default one first @throws EngineError `ABORTED` */
export async function planDrivers(
  opened: OpenedDisk,
  drivers: KernelDrivers[],
  asked: DriversAsked,
  signal: AbortSignal,
): Promise<DriversPlan> {
  const [first] = drivers;
  const { request } = asked;
  const wanted = first ? wantedBuses(asked) : [];
  const { lacks, checks } = first ? judged(first, wanted) : { lacks: false, checks: [] };
  const canHelp = lacks && wanted.some((bus) => first?.buses[bus] === 'installed');
  if (request.drivers !== 'all') return { drivers, making: null, checks };
  const making = await makingOf(opened, asked, drivers, lacks ? wanted : [], signal);
  if ('reason' in making) {
    const refusal: Check = { code: 'DRIVERS_CANNOT_BE_MADE', level: 'block', data: { ...making } };
    return { drivers, making: null, checks: [...checks, refusal] };
  }
  const { way, startBus, kernels, timeoutSeconds } = making;
  const told = { way, bus: startBus, kernels: kernels.map(({ version }) => version), minutes: timeoutSeconds / 60 };
  // what it lacks is not what it will lack, where its kernel has a driver at all
  const others = canHelp ? checks.filter(({ level }) => level === 'pass') : checks;
  return { drivers, making, checks: [...others, { code: 'DRIVERS_MADE', level: 'warn', data: told }] };
}

/** One of these is enough; none: nobody knows. */
export function wantedBuses({
  request,
  vmBus,
  device,
}: Pick<DriversAsked, 'request' | 'vmBus' | 'device'>): readonly DriverBus[] {
  const said = request.bus ?? vmBus ?? request.bootProof?.bus;
  if (said) return [said];
  if (device && device.bus !== 'loop') return OF_DEVICE[device.bus] ?? [];
  return DISK_BUSES;
}

/** What could not be read of a kernel is told by nobody as missing. */
function judged(kernel: KernelDrivers, wanted: readonly DriverBus[]): { lacks: boolean; checks: Check[] } {
  if (wanted.length === 0) return { lacks: false, checks: [] };
  const isVirtual = wanted === DISK_BUSES;
  const has = Object.keys(kernel.buses).filter((bus) => canStartFrom(kernel, bus as DriverBus));
  const data: MessageData = {
    kernel: kernel.version,
    bus: isVirtual ? busesOf([kernel]).join(', ') : wanted.join(', '),
    has: has.length > 0 ? has.join(', ') : '—',
  };
  if (wanted.some((bus) => canStartFrom(kernel, bus)))
    return { lacks: false, checks: [{ code: 'GUEST_HAS_DRIVER', level: 'pass', data }] };
  if (wanted.some((bus) => kernel.buses[bus] === 'unknown')) return { lacks: false, checks: [] };
  return {
    lacks: true,
    checks: [{ code: isVirtual ? 'GUEST_LACKS_VIRTUAL' : 'GUEST_LACKS_DRIVER', level: 'warn', data }],
  };
}

/** Why it cannot be done: words `driverReason.REASON`. */
type NoMaking = { readonly reason: string };

async function makingOf(
  { volumes, input }: OpenedDisk,
  { request, device, hasRoot, isAlone }: DriversAsked,
  drivers: readonly KernelDrivers[],
  lacked: readonly DriverBus[],
  signal: AbortSignal,
): Promise<DriverMaking | NoMaking> {
  if (request.exact || request.served) return { reason: request.exact ? 'exact' : 'served' };
  if (!isAlone) return { reason: 'several-disks' };
  const opened = await openGuestFiles(input.volumes, signal);
  const [first] = drivers;
  if (opened?.family !== 'linux' || !first) return { reason: opened?.family === 'windows' ? 'windows' : 'no-system' };
  const kernels = drivers.flatMap(({ version, file, firstFile }) => (firstFile ? [{ version, file, firstFile }] : []));
  if (kernels.length === 0) return { reason: 'no-first-file' };
  if (!kernels.every(({ version }) => /^[\w.+~-]+$/.test(version))) return { reason: 'no-first-file' };
  const way = await wayOf(opened.files);
  if (!way) return { reason: 'no-program' };
  if (!findTool('qemu-system-x86_64')) return { reason: 'no-qemu' };
  const startBus = SURE_FIRST.find((bus) => canStartFrom(first, bus));
  if (!startBus) return { reason: 'no-bus' };
  const mounts = opened.mounts.filter(({ mountPoint }) => mountPoint === '/' || mountPoint === '/boot');
  for (const { volume } of mounts) {
    const kind = input.volumes.find(({ ref }) => ref === volume)?.kind ?? '';
    const refusal = writeRefusal(volumes, volume, kind, { isDevice: device !== null, hasRoot });
    if (refusal !== null) return { reason: refusal };
  }
  // where nothing in particular is wanted, what virtual and physical machines have today
  const usual = USUAL.filter((bus) => first.buses[bus] !== 'none');
  const buses = lacked.filter((bus) => first.buses[bus] === 'installed');
  const timeoutSeconds = SECONDS_TO_START + SECONDS_FOR_KERNEL * kernels.length;
  return { way, startBus, buses: buses.length > 0 ? buses : usual, kernels, timeoutSeconds };
}

const SURE_FIRST: readonly DiskBus[] = ['sata', 'virtio', 'nvme', 'ide', 'scsi'];
const USUAL: readonly DriverBus[] = ['virtio', 'scsi', 'sata', 'nvme'];
