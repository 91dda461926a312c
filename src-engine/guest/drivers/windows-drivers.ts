/** Which drivers of disks Windows starts at boot, by the services in its registry. */
import { DRIVER_BUSES, type DriverBus, type DriverPlace, type KernelDrivers } from '../../contract/drivers.contract.ts';
import type { GuestFiles } from '../guest-files.ts';
import { HiveFile } from '../windows/hive-file.ts';
import { currentControlSet } from '../windows/control-set.ts';
import { WINDOWS_DRIVERS } from './driver-table.ts';

/** `Start` of a service: loaded by the boot loader. Source: Microsoft, "CurrentControlSet\\Services subkeys" */
const BOOT_START = 0;

export async function windowsDrivers(files: GuestFiles): Promise<KernelDrivers[]> {
  const system = await HiveFile.open(files, 'SYSTEM');
  const services = `${await currentControlSet(system)}\\Services`;
  const names = await system.subkeys(services);
  const known = new Set(names?.map((name) => name.toLowerCase()));
  const buses: [DriverBus, DriverPlace][] = [];
  for (const bus of DRIVER_BUSES) {
    let place: DriverPlace = names === null ? 'unknown' : 'none';
    for (const service of WINDOWS_DRIVERS[bus].filter((one) => known.has(one))) {
      if (place !== 'first') place = await placeOf(system, `${services}\\${service}`);
    }
    buses.push([bus, place]);
  }
  const table = Object.fromEntries(buses) as Record<DriverBus, DriverPlace>;
  return [{ version: 'Windows', file: '', isDefault: true, firstFile: null, buses: table }];
}

/** Since Windows 8 a value of `StartOverride` takes a driver back out of the boot that the machine did not need when Windows was installed. */
async function placeOf(system: HiveFile, service: string): Promise<DriverPlace> {
  const start = await system.number(service, 'Start');
  if (start !== BOOT_START) return 'installed';
  const override = await system.number(`${service}\\StartOverride`, '0');
  return override === null || override === BOOT_START ? 'first' : 'installed';
}
