/** Drivers of virtio out of an ISO for the Windows on a disk: what they change there, worked out from its files. Writes nothing. */
import { VIRTIO_BUSES, type DriverBus, type VirtioBus } from '../../contract/drivers.contract.ts';
import type { MessageData } from '../../contract/errors.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { GuestChange } from '../../guest/changes.port.ts';
import { putDrivers, type DriverAtHand } from '../../guest/drivers/virtio/put-drivers.ts';
import { VIRTIO_DRIVERS, windowsKind, type WindowsKind } from '../../guest/drivers/virtio/virtio-drivers.ts';
import { inspectGuest } from '../../guest/inspect-guest.ts';
import { openGuestFiles } from '../../guest/open-guest-files.ts';
import type { OpenedDisk } from './opened-disk.ts';
import { driversIn } from './virtio-iso.ts';

/** When its updates end is of no interest here. */
const NO_DATES = { madeOn: '1970-01-01', releases: {} };

export interface WindowsDrivers {
  readonly kind: WindowsKind;
  readonly drivers: readonly DriverAtHand[];
  readonly changes: readonly GuestChange[];
}

/**
 * @param disk as it was captured, or as it is on the way to its target
 * @param path of the ISO, absolute
 * @param wanted what it is to start from; where that is on virtio in one way only, this one is needed, else whichever the ISO has
 * @returns null where no system is found on the disk
 * @throws EngineError `DRIVERS_NOT_PUT_IN` (path, reason, and of a driver that is missing, which); as {@link driversIn}, {@link putDrivers}
 */
export async function windowsDrivers(
  disk: OpenedDisk & { readonly isCaptured: boolean },
  path: string,
  wanted: readonly DriverBus[],
  signal: AbortSignal,
): Promise<WindowsDrivers | null> {
  const { input } = disk;
  const opened = await openGuestFiles(input.volumes, signal);
  if (!opened) return null;
  const { family, files, mounts } = opened;
  if (family !== 'windows') throw notPutIn(path, 'no-windows');
  // on its way to a target, a program that gave it another length has marked it for Windows to look at
  const left = disk.isCaptured ? stateOf(disk, mounts[0].volume) : null;
  if (left) throw notPutIn(path, left);
  const { release, architecture, name } = await inspectGuest(input, NO_DATES, signal);
  const kind = windowsKind(release.value, architecture.value);
  const windows = name.value ?? release.value ?? '?';
  if (!kind) throw notPutIn(path, 'windows-unknown', { windows, architecture: architecture.value ?? '?' });
  const buses = busesToPutIn(wanted);
  const asked = VIRTIO_DRIVERS.filter(({ bus }) => buses.includes(bus));
  const drivers = await driversIn(path, asked, kind);
  if (drivers.length === 0) {
    const names = asked.map((driver) => driver.name).join(', ');
    const folder = `${kind.folder}/${kind.architecture.folder}`;
    throw new EngineError('VIRTIO_DRIVER_MISSING', { path, windows, drivers: names, folder });
  }
  return { kind, drivers, changes: await putDrivers(files, kind, drivers, Date.now()) };
}

/** How Windows left the volume that it lies on: words `driverReason.STATE`; null: as it should. */
function stateOf({ volumes }: OpenedDisk, volume: string): 'hibernated' | 'not-clean' | null {
  const root = volumes.find(({ ref }) => ref === volume);
  const codes = root?.fileSystem?.warnings.map(({ code }) => code) ?? [];
  if (codes.includes('WINDOWS_HIBERNATED')) return 'hibernated';
  return codes.includes('FILESYSTEM_NOT_CLEAN') ? 'not-clean' : null;
}

function busesToPutIn(wanted: readonly DriverBus[]): readonly VirtioBus[] {
  const own = VIRTIO_BUSES.filter((bus) => wanted.includes(bus));
  return wanted.length === 1 && own.length === 1 ? own : VIRTIO_BUSES;
}

const notPutIn = (path: string, reason: string, data: MessageData = {}) =>
  new EngineError('DRIVERS_NOT_PUT_IN', { path, reason, ...data });
