/** A machine with Linux: disks from sysfs and procfs, with or without udev. */
import type { DeviceView } from '../../contract/disk.contract.ts';
import type { Machine } from '../machine.port.ts';
import { readBlockTree } from './block-tree.ts';
import { deviceFacts, devicePlace } from './device-facts.ts';
import { deviceNumber } from './device-number.ts';
import { deviceRefusals } from './device-refusals.ts';
import { fileUsers } from './file-users.ts';
import { KERNEL_ROOTS, type KernelRoots } from './kernel-files.ts';
import { resolvedAsFarAsItExists } from './paths.ts';
import { readUsage } from './usage.ts';

export function linuxMachine(roots: KernelRoots = KERNEL_ROOTS): Machine {
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
          const usage = system.of(disk);
          return {
            ...devicePlace(roots, disk),
            kind: 'device',
            ...facts,
            mounts: [...usage.mounts],
            ...(await deviceRefusals(disk, facts.isReadOnly, system, catalog)),
          };
        }),
      );
    },
    diskByNumber(number) {
      const node = readBlockTree(roots).byNumber(deviceNumber(number));
      return node?.isWholeDisk ? devicePlace(roots, node) : null;
    },
    async fileInUse(filePath) {
      return fileUsers(roots, filePath);
    },
  };
}
