/** Why a disk may not be captured or deployed to. */
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import type { DeviceIdentity, DeviceView, Refusal } from '../../contract/disk.contract.ts';
import { catalogHolds, keyOf } from '../catalog-files.ts';
import { isLent } from '../lent-disks.ts';
import type { Refusals } from '../machine.port.ts';
import { openExclusively } from '../open-exclusively.ts';
import type { BlockNode } from './block-tree.ts';
import type { DiskUsage, SystemUsage } from './usage.ts';

/** Other names of a disk's bytes: what is done to them is done to the disk. */
export interface Behind {
  /** what a loop device stands on, down to the disks; not the disk itself */
  readonly below: readonly BlockNode[];
  /** other loop devices on the same file */
  readonly beside: readonly BlockNode[];
  /** the file behind a loop device */
  readonly file: { readonly device: bigint; readonly inode: bigint } | null;
  /** processes that write to the file, or to the device */
  readonly writers: readonly string[];
  /** processes that hold the file to read it */
  readonly readers: readonly string[];
}

/** With what root's rights are to be asked for. */
type DeviceRefusals = Refusals & Pick<DeviceView, 'asksRights'>;

/**
 * @param catalogPath absolute, links resolved
 * @param canAsk who may not open it may be given the rights when it comes to it
 * @param isPatient who has the disk for a moment only, as udev and `losetup` do, does not use it
 */
export async function deviceRefusals(
  disk: BlockNode,
  identity: DeviceIdentity | undefined,
  isReadOnly: boolean,
  canAsk: boolean,
  system: SystemUsage,
  behind: Behind,
  catalogPath: string,
  isPatient: boolean,
): Promise<DeviceRefusals> {
  const captureRefusals: Refusal[] = [];
  const deployRefusals: Refusal[] = [];
  const refuse = (refusals: Refusal[], code: Refusal['code'], details: readonly string[]) => {
    if (details.length > 0) refusals.push({ code, details: [...new Set(details)] });
  };
  const self = (applies: boolean) => (applies ? [disk.path] : []);
  const all = [disk, ...behind.below, ...behind.beside];
  const usage = usageOf(all, system);

  const mayRead = await mayAccess(disk.path, constants.R_OK);
  const mayWrite = mayRead && (await mayAccess(disk.path, constants.W_OK));
  const isReadable = mayRead || isLent({ path: disk.path, identity });
  const inUse = [...(await usersOf(all, usage, mayRead, isPatient)), ...behind.writers];
  const ofSystem = all.flatMap((node) => system.systemMountsOn(node));
  const inCatalog =
    all.some((node) => system.isOn(node, catalogPath)) ||
    (behind.file !== null &&
      (await catalogHolds(catalogPath, new Set([keyOf({ dev: behind.file.device, ino: behind.file.inode })]))));

  refuse(captureRefusals, 'NO_MEDIUM', self(disk.lengthBytes === 0));
  refuse(captureRefusals, 'NO_PERMISSION', self(!isReadable && !canAsk));
  const written = mountPoints(usage.mounts.filter((mount) => !mount.isReadOnly));
  // what the system itself runs from cannot be unmounted
  refuse(captureRefusals, ofSystem.length > 0 ? 'SYSTEM_DISK' : 'MOUNTED_READ_WRITE', written);
  refuse(captureRefusals, 'IN_USE', inUse);

  refuse(deployRefusals, 'SYSTEM_DISK', ofSystem);
  refuse(deployRefusals, 'HOLDS_CATALOG', inCatalog ? [catalogPath] : []);
  if (ofSystem.length === 0) refuse(deployRefusals, 'MOUNTED', mountPoints(usage.mounts));
  // whoever reads the bytes by another name would find others under its feet
  refuse(deployRefusals, 'IN_USE', [...inUse, ...behind.beside.map(({ path }) => path), ...behind.readers]);
  refuse(deployRefusals, 'NO_MEDIUM', self(disk.lengthBytes === 0));
  refuse(deployRefusals, 'READ_ONLY', self(isReadOnly));
  refuse(deployRefusals, 'NO_PERMISSION', self(!mayWrite && !canAsk));
  const asksRights = { toRead: canAsk && !isReadable, toWrite: canAsk && !mayWrite };
  return { captureRefusals, deployRefusals, asksRights };
}

/** What stands on any of them, other than themselves. */
function usageOf(all: readonly BlockNode[], system: SystemUsage): DiskUsage {
  const usages = all.map((node) => system.of(node));
  const own = new Set(all.map(({ path }) => path));
  return {
    mounts: usages.flatMap(({ mounts }) => mounts),
    swaps: usages.flatMap(({ swaps }) => swaps),
    holders: usages.flatMap(({ holders }) => holders).filter((holder) => !own.has(holder)),
  };
}

/**
 * Swap and holders by name. Where there is neither, nor a mount that explains it, the disk itself where the kernel says that
 * somebody claims it: file systems that keep no record in sysfs (ZFS), mounts in other namespaces, another deploy.
 */
async function usersOf(
  all: readonly BlockNode[],
  usage: DiskUsage,
  mayRead: boolean,
  isPatient: boolean,
): Promise<string[]> {
  const known = [...usage.swaps, ...usage.holders];
  if (known.length > 0 || usage.mounts.length > 0 || !mayRead) return known;
  for (const { path, lengthBytes } of all) if (lengthBytes > 0 && (await isClaimed(path, isPatient))) return [path];
  return [];
}

async function isClaimed(devicePath: string, isPatient: boolean): Promise<boolean> {
  try {
    const handle = await openExclusively(devicePath, constants.O_RDONLY | constants.O_NONBLOCK, isPatient);
    await handle.close();
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EBUSY';
  }
}

async function mayAccess(devicePath: string, mode: number): Promise<boolean> {
  return access(devicePath, mode).then(
    () => true,
    () => false,
  );
}

const mountPoints = (mounts: DiskUsage['mounts']) => mounts.map((mount) => mount.path);
