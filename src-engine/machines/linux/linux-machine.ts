/** A machine with Linux: disks from sysfs and procfs, with or without udev. */
import { fstatSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { DeviceView } from '../../contract/disk.contract.ts';
import { filePlace, notAPlace, ownRefusals, resolvedSource } from '../image-file.ts';
import type { Machine } from '../machine.port.ts';
import { resolvedAsFarAsItExists } from '../paths.ts';
import { readBlockTree, type BlockNode } from './block-tree.ts';
import { deviceFacts, devicePlace } from './device-facts.ts';
import { deviceNumber } from './device-number.ts';
import { deviceRefusals } from './device-refusals.ts';
import { fileUsers } from './file-users.ts';
import { KERNEL_ROOTS, type KernelRoots } from './kernel-files.ts';
import { readUsage } from './usage.ts';

export function linuxMachine(roots: KernelRoots = KERNEL_ROOTS): Machine {
  const diskByNumber = (device: bigint): BlockNode | null => {
    const node = readBlockTree(roots).byNumber(deviceNumber(device));
    return node?.isWholeDisk ? node : null;
  };
  return {
    async listDevices(catalogPath) {
      const tree = readBlockTree(roots);
      const system = readUsage(roots, tree);
      const catalog = await resolvedAsFarAsItExists(catalogPath);
      const disks = tree.nodes.filter((node) => node.isWholeDisk);
      disks.sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
      return Promise.all(
        disks.map(async (disk): Promise<DeviceView> => {
          const facts = deviceFacts(disk);
          return {
            ...devicePlace(roots, disk),
            kind: 'device',
            ...facts,
            mounts: [...system.of(disk).mounts],
            ...(await deviceRefusals(disk, facts.isReadOnly, system, catalog)),
          };
        }),
      );
    },

    async placeOf(anyPath) {
      const realPath = await resolvedSource(anyPath);
      const stats = await stat(realPath, { bigint: true });
      if (stats.isFile()) return filePlace(realPath, Number(stats.size));
      if (!stats.isBlockDevice()) throw notAPlace(anyPath, 'NEITHER_DISK_NOR_FILE');
      const disk = diskByNumber(stats.rdev);
      if (!disk) throw notAPlace(anyPath, 'NOT_A_WHOLE_DISK');
      return devicePlace(roots, disk);
    },

    async identifyDevice(fd) {
      const stats = fstatSync(fd, { bigint: true });
      const disk = stats.isBlockDevice() ? diskByNumber(stats.rdev) : null;
      if (!disk) throw notAPlace(`fd ${fd}`, 'NOT_A_WHOLE_DISK');
      return devicePlace(roots, disk);
    },

    async fileRefusals(anyPath, catalogPath) {
      const own = await ownRefusals(anyPath, catalogPath);
      const users = fileUsers(roots, anyPath);
      return {
        captureRefusals: [...own.captureRefusals, ...users.captureRefusals],
        deployRefusals: [...own.deployRefusals, ...users.deployRefusals],
      };
    },
  };
}
