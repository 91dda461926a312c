/** What the engine asks of the machine that it runs on: its attached disks, and who else uses a disk or a file. */
import type { DeviceView, PlaceView, Refusal } from '../contract/disk.contract.ts';

/** Why a place may not be captured, and why it may not be deployed to; empty: it may. */
export interface Refusals {
  readonly captureRefusals: Refusal[];
  readonly deployRefusals: Refusal[];
}

/** A place that no other process of this kind writes to for now. */
export interface Claim {
  /** Never fails. */
  release(): Promise<void>;
}

export interface Machine {
  /**
   * Every attached whole disk with what may be done with it, in natural order of their names. Partitions and what stands
   * on disks (RAID, LVM) are not disks.
   * @param catalogPath the catalog's folder, which need not exist yet: its disk may not be deployed to
   * @throws EngineError `UNSUPPORTED_PLATFORM`
   */
  listDevices(catalogPath: string): Promise<DeviceView[]>;

  /**
   * One of them, looked at closely: also who has it open.
   * @param devicePath as a place names it @returns null where it is not there
   * @throws EngineError `UNSUPPORTED_PLATFORM`
   */
  deviceAt(devicePath: string, catalogPath: string): Promise<DeviceView | null>;

  /**
   * Names for the bytes at a path, the same by whatever path one comes to them: a device and what it stands on, a file, the file behind a
   * loop device. The first is its own; two places that share one are the same place, or lie on the same.
   * @param anyPath what need not be there yet
   */
  bytesAt(anyPath: string): Promise<string[]>;

  /**
   * What is at `anyPath`, symbolic links (/dev/disk/by-id/…) resolved: a whole disk or a file.
   * @param isOfMachine it is a virtual machine's disk: a partition, a volume or an array will do
   * @throws EngineError `SOURCE_NOT_FOUND`; `NOT_A_WHOLE_DISK` for a partition, a volume, an array; `BAD_REQUEST` (data: path, reason) for a folder or anything else;
   *   `PERMISSION_DENIED`; `UNSUPPORTED_PLATFORM` for a disk on a platform whose disks cannot be reached
   */
  placeOf(anyPath: string, isOfMachine?: boolean): Promise<PlaceView>;

  /**
   * A mark that is another one after anything was written to a disk, by whatever way: the kernel's counters.
   * @returns '' for a file, whose own times tell it
   */
  writesTo(place: PlaceView): Promise<string>;

  /**
   * The disk behind an open handle: its size and serial number are those of the device that reads and writes will reach,
   * not of whatever has its path by now.
   * @param isOfMachine as for {@link placeOf}
   * @throws EngineError `NOT_A_WHOLE_DISK`; `UNSUPPORTED_PLATFORM`
   */
  identifyDevice(fd: number, isOfMachine?: boolean): Promise<PlaceView>;

  /**
   * What speaks against an image file, or a volume that is no whole disk: permissions, its use through a loop device or as swap, processes that write to it,
   * locks. What processes of other users have open is seen by root only, their locks by everybody.
   * @param anyPath a file that need not exist yet
   * @param catalogPath a file inside the catalog's folder may not be deployed to
   */
  fileRefusals(anyPath: string, catalogPath: string): Promise<Refusals>;

  /**
   * Claims a place that is about to be written, against other processes: a file by its name and by what has that name, a device by the file behind it
   * (a device itself is opened exclusively). Ends with this process, however that ends. Where the system or the file system has no such locks, nothing is claimed.
   * @param place as {@link placeOf} or a plan names it; a file need not be there yet
   * @param holder what is shown to whoever is refused
   * @throws EngineError `PLAN_BLOCKED` (data: check `TARGET_IN_USE`, path, details) where another process has it
   */
  claim(place: Pick<PlaceView, 'kind' | 'path'>, holder: string): Promise<Claim>;
}
