import type { DeviceView } from '../contract/disk.contract.ts';
import { thisMachine } from './this-machine.ts';

/**
 * Every attached whole disk with what may be done with it, in natural order of their names. Partitions and what stands on
 * disks (RAID, LVM) are not disks.
 * @param catalogPath the catalog's folder, which need not exist yet: its disk may not be deployed to
 * @throws EngineError `UNSUPPORTED_PLATFORM`
 */
export async function listDevices(catalogPath: string, machine = thisMachine()): Promise<DeviceView[]> {
  return machine.listDevices(catalogPath);
}
