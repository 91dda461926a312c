/**
 * Drivers of virtio put into a Windows, as changes of its files: the program where the boot loader looks for it, the whole package where Plug and
 * Play finds it at the first start, and in the registry what leads to both. Nothing is written here.
 */
import { EngineError } from '../../../core/engine-error.ts';
import type { GuestChange } from '../../changes.port.ts';
import type { GuestFiles } from '../../guest-files.ts';
import { replacedFile } from '../../replaced-file.ts';
import { controlSetName } from '../../windows/control-set.ts';
import { MAX_EDITED_HIVE_BYTES } from '../../windows/hive/hive-bins.ts';
import { HiveEdit } from '../../windows/hive/hive-edit.ts';
import { expandedValue } from '../../windows/hive/hive-values.ts';
import { criticalDevices, driverDatabase, serviceEntry, startOverride } from './registry-entries.ts';
import { DRIVER_PARTS, type DriverPart, type VirtioDriver, type WindowsKind } from './virtio-drivers.ts';

const SYSTEM = '/Windows/System32/config/SYSTEM';
const SOFTWARE = '/Windows/System32/config/SOFTWARE';
const DRIVERS = '/Windows/System32/drivers';
const PACKAGES = '/Windows/Drivers/VirtIO';
/** Where Windows looks for packages of drivers: Microsoft, "Specifying the driver path". */
const DEVICE_PATH = ['Microsoft', 'Windows', 'CurrentVersion'];
const USUAL_DEVICE_PATH = '%SystemRoot%\\inf';
const PACKAGE_PATH = '%SystemRoot%\\Drivers\\VirtIO';

/** A driver with its bytes. */
export interface DriverAtHand {
  readonly driver: VirtioDriver;
  readonly parts: Readonly<Record<DriverPart, Uint8Array>>;
}

/** Why a Windows takes no drivers. Words: `driverReason.REASON`. */
type HiveReason = 'hive-missing' | 'hive-not-closed' | 'hive-damaged' | 'hive-too-long';

/**
 * @param nowMs milliseconds since 1970: when keys of the registry are written
 * @throws EngineError `DRIVERS_NOT_PUT_IN` (path of the hive, {@link HiveReason}); `READ_FAILED`, `ABORTED`
 */
export async function putDrivers(
  files: GuestFiles,
  kind: WindowsKind,
  drivers: readonly DriverAtHand[],
  nowMs: number,
): Promise<GuestChange[]> {
  const system = await editedHive(files, SYSTEM, nowMs, (hive) => {
    const controlSet = controlSetName(hive.number(['Select'], 'Current'));
    if (!hive.has([controlSet, 'Services'])) throw notPutIn(SYSTEM, 'hive-damaged');
    for (const { driver } of drivers) enter(hive, driver, kind, controlSet);
    return true;
  });
  const software = await editedHive(files, SOFTWARE, nowMs, addDevicePath);
  return [
    ...drivers.flatMap(({ driver, parts }) => [
      write(`${DRIVERS}/${driver.name}.sys`, parts.sys),
      ...DRIVER_PARTS.map((part) => write(`${PACKAGES}/${driver.name}.${part}`, parts[part])),
    ]),
    ...software,
    // what leads to the others comes last
    ...system,
  ];
}

function enter(hive: HiveEdit, driver: VirtioDriver, kind: WindowsKind, controlSet: string): void {
  const override = startOverride(driver, controlSet);
  const devices = kind.hasDriverDatabase ? driverDatabase(driver) : criticalDevices(driver, controlSet);
  const overrides = hive.has(override.path) ? [override] : [];
  for (const { path, values } of [serviceEntry(driver, controlSet), ...overrides, ...devices]) hive.set(path, values);
}

/** @returns whether it was not there */
function addDevicePath(hive: HiveEdit): boolean {
  const before = hive.text(DEVICE_PATH, 'DevicePath') || USUAL_DEVICE_PATH;
  const folders = before.split(';').map((folder) => folder.trim().toLowerCase());
  if (folders.includes(PACKAGE_PATH.toLowerCase())) return false;
  hive.set(DEVICE_PATH, [expandedValue('DevicePath', `${before};${PACKAGE_PATH}`)]);
  return true;
}

/** @param edit says whether it has changed anything */
async function editedHive(
  files: GuestFiles,
  path: string,
  nowMs: number,
  edit: (hive: HiveEdit) => boolean,
): Promise<GuestChange[]> {
  const content = await files.content(path);
  if (!content) throw notPutIn(path, 'hive-missing');
  if (content.lengthBytes > MAX_EDITED_HIVE_BYTES) throw notPutIn(path, 'hive-too-long');
  try {
    const hive = await HiveEdit.open(content, nowMs);
    if (!hive) throw notPutIn(path, 'hive-not-closed');
    return edit(hive) ? [write(path, hive.toBytes())] : [];
  } catch (error) {
    if (error instanceof EngineError && /^FORMAT_/.test(error.code)) throw notPutIn(path, 'hive-damaged');
    throw error;
  }
}

const write = (path: string, bytes: Uint8Array) => replacedFile('drivers', path, bytes);

const notPutIn = (path: string, reason: HiveReason) => new EngineError('DRIVERS_NOT_PUT_IN', { path, reason });
