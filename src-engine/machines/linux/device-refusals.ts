/** Why a disk may not be captured or deployed to. */
import { constants } from 'node:fs';
import { access, open } from 'node:fs/promises';
import type { Refusal } from '../../contract/disk.contract.ts';
import type { Refusals } from '../machine.port.ts';
import type { BlockNode } from './block-tree.ts';
import type { DiskUsage, SystemUsage } from './usage.ts';

/** @param catalogPath absolute, links resolved */
export async function deviceRefusals(
  disk: BlockNode,
  isReadOnly: boolean,
  system: SystemUsage,
  catalogPath: string,
): Promise<Refusals> {
  const captureRefusals: Refusal[] = [];
  const deployRefusals: Refusal[] = [];
  const refuse = (refusals: Refusal[], code: Refusal['code'], details: readonly string[]) => {
    if (details.length > 0) refusals.push({ code, details: [...new Set(details)] });
  };
  const self = (applies: boolean) => (applies ? [disk.path] : []);
  const usage = system.of(disk);

  const mayRead = await mayAccess(disk.path, constants.R_OK);
  const mayWrite = mayRead && (await mayAccess(disk.path, constants.W_OK));
  const inUse = await usersOf(disk, usage, mayRead);

  refuse(captureRefusals, 'NO_MEDIUM', self(disk.lengthBytes === 0));
  refuse(captureRefusals, 'NO_PERMISSION', self(!mayRead));
  refuse(captureRefusals, 'MOUNTED_READ_WRITE', mountPoints(usage.mounts.filter((mount) => !mount.isReadOnly)));
  refuse(captureRefusals, 'IN_USE', inUse);

  refuse(deployRefusals, 'SYSTEM_DISK', system.systemMountsOn(disk));
  refuse(deployRefusals, 'HOLDS_CATALOG', system.isOn(disk, catalogPath) ? [catalogPath] : []);
  refuse(deployRefusals, 'MOUNTED', mountPoints(usage.mounts));
  refuse(deployRefusals, 'IN_USE', inUse);
  refuse(deployRefusals, 'NO_MEDIUM', self(disk.lengthBytes === 0));
  refuse(deployRefusals, 'READ_ONLY', self(isReadOnly));
  refuse(deployRefusals, 'NO_PERMISSION', self(!mayWrite));
  return { captureRefusals, deployRefusals };
}

/**
 * Swap and holders by name. Where there is neither, nor a mount that explains it, the disk itself where the kernel says that
 * somebody claims it: file systems that keep no record in sysfs (ZFS), mounts in other namespaces, another deploy.
 */
async function usersOf(disk: BlockNode, usage: DiskUsage, mayRead: boolean): Promise<string[]> {
  const known = [...usage.swaps, ...usage.holders];
  if (known.length > 0 || usage.mounts.length > 0 || !mayRead || disk.lengthBytes === 0) return known;
  return (await isClaimed(disk.path)) ? [disk.path] : [];
}

/** An exclusive open of a block device fails where the device or one of its partitions is claimed (open(2), O_EXCL). */
async function isClaimed(devicePath: string): Promise<boolean> {
  try {
    const handle = await open(devicePath, constants.O_RDONLY | constants.O_EXCL | constants.O_NONBLOCK);
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
