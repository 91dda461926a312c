/** What differs between operating systems: attached disks, and who else uses a disk or a file. */
import type { DeviceView, PlaceView, Refusal } from '../contract/disk.contract.ts';

export interface Machine {
  /** @throws EngineError `UNSUPPORTED_PLATFORM` */
  listDevices(catalogPath: string): Promise<DeviceView[]>;
  /**
   * @param deviceNumber `rdev` of a block device's node
   * @returns the disk, or null where the number is that of something else: a partition, a volume of a RAID or LVM
   * @throws EngineError `UNSUPPORTED_PLATFORM`
   */
  diskByNumber(deviceNumber: bigint): PlaceView | null;
  fileInUse(filePath: string): Promise<Refusal[]>;
}
