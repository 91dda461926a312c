/** A machine with Linux: disks from sysfs and procfs, with or without udev. */
import { fstatSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DeviceView } from '../../contract/disk.contract.ts';
import { filePlace, notAPlace, notAWholeDisk, ownRefusals, resolvedSource } from '../image-file.ts';
import type { Claim, Machine } from '../machine.port.ts';
import { resolvedAsFarAsItExists } from '../paths.ts';
import { canAskForRights } from '../rights.ts';
import { filesBehind, readBehind } from './behind.ts';
import { readBlockTree, type BlockNode } from './block-tree.ts';
import { fileClaims } from './claimed-files.ts';
import { deviceFacts, devicePlace } from './device-facts.ts';
import { deviceNumber } from './device-number.ts';
import { deviceRefusals } from './device-refusals.ts';
import { fileUsers } from './file-users.ts';
import { attribute, KERNEL_ROOTS, type KernelRoots } from './kernel-files.ts';
import { readLoopFiles } from './loop-files.ts';
import type { FileIdentity } from './open-files.ts';
import { readUsage } from './usage.ts';

/** Before a disk is called in use. */
const LOOKS_AT_USERS = 2;
const BETWEEN_LOOKS_MS = 150;

/** @param canAsk whether rights that are lacking can be asked for */
export function linuxMachine(roots: KernelRoots = KERNEL_ROOTS, canAsk: () => boolean = canAskForRights): Machine {
  const claims = fileClaims(roots);
  const nodeOf = (device: bigint, isOfMachine: boolean): BlockNode | null => {
    const node = readBlockTree(roots).byNumber(deviceNumber(device));
    return node && (isOfMachine || node.isWholeDisk) ? node : null;
  };
  const disksBelow = (device: bigint): string[] => {
    const tree = readBlockTree(roots);
    const node = tree.byNumber(deviceNumber(device));
    return node ? tree.allBelow(node).flatMap(({ isWholeDisk, path }) => (isWholeDisk ? [path] : [])) : [];
  };
  /** @param closely also at who has them open, which takes a look at every process; and again where one seems to be claimed */
  const lookAtDisks = async (catalogPath: string, closely: boolean) => {
    const tree = readBlockTree(roots);
    const system = readUsage(roots, tree);
    const loopFiles = readLoopFiles(roots, tree);
    const catalog = await resolvedAsFarAsItExists(catalogPath);
    const disks = tree.nodes.filter((node) => node.isWholeDisk);
    disks.sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
    return disks.map((disk) => ({
      disk,
      view: async (): Promise<DeviceView> => {
        const facts = deviceFacts(disk);
        const files = closely ? filesBehind(roots, tree, loopFiles, disk) : [];
        const looks = await Promise.all(files.map((file) => claims.look(file)));
        const claimed = { by: looks.flatMap(({ by }) => by), isOwn: looks.some(({ isOwn }) => isOwn) };
        const behind = readBehind(roots, tree, loopFiles, disk, closely, claimed);
        const place = devicePlace(roots, disk);
        const { identity } = place;
        const { isReadOnly } = facts;
        return {
          ...place,
          kind: 'device',
          ...facts,
          mounts: [...system.of(disk).mounts],
          ...(await deviceRefusals(disk, identity, isReadOnly, canAsk(), system, behind, catalog, closely)),
        };
      },
    }));
  };
  return {
    async listDevices(catalogPath) {
      const views: DeviceView[] = [];
      // one after another: each asks the kernel for the disk alone, and for the others on the same file
      for (const { view } of await lookAtDisks(catalogPath, false)) views.push(await view());
      return views;
    },

    async deviceAt(devicePath, catalogPath) {
      const look = async () => {
        const disks = await lookAtDisks(catalogPath, true);
        return (await disks.find(({ disk }) => disk.path === devicePath)?.view()) ?? null;
      };
      // who has it open for a moment only, as udev's workers and `losetup` do, does not use it
      for (let i = 0; i < LOOKS_AT_USERS; i++) {
        const view = await look();
        if (!view?.deployRefusals.some(({ code }) => code === 'IN_USE')) return view;
        await sleep(BETWEEN_LOOKS_MS);
      }
      return look();
    },

    async bytesAt(anyPath) {
      const stats = await stat(anyPath, { bigint: true }).catch(() => null);
      if (!stats) return [`path ${await resolvedAsFarAsItExists(anyPath)}`];
      const fileKey = (file: FileIdentity) => `file ${file.device}:${file.inode}`;
      const tree = readBlockTree(roots);
      const node = stats.isBlockDevice() ? tree.byNumber(deviceNumber(stats.rdev)) : null;
      if (!node) return [fileKey({ device: stats.dev, inode: stats.ino })];
      const file = readLoopFiles(roots, tree).of(node);
      return [
        ...[node, ...tree.allBelow(node)].map(({ number }) => `device ${number}`),
        ...(file ? [fileKey(file)] : []),
      ];
    },

    async placeOf(anyPath, isOfMachine = false) {
      const realPath = await resolvedSource(anyPath);
      const stats = await stat(realPath, { bigint: true });
      if (stats.isFile()) return filePlace(realPath, Number(stats.size));
      if (!stats.isBlockDevice()) throw notAPlace(anyPath, 'NEITHER_DISK_NOR_FILE');
      const disk = nodeOf(stats.rdev, isOfMachine);
      if (!disk) throw notAWholeDisk(realPath, disksBelow(stats.rdev));
      return devicePlace(roots, disk);
    },

    async writesTo({ kind, path }) {
      if (kind === 'file') return '';
      const disk = readBlockTree(roots).byPath(path);
      if (!disk) return 'gone';
      // what stands behind a loop device may be written to without it
      const file = disk.backingFile === null ? null : await stat(disk.backingFile).catch(() => null);
      return [...writesIn(attribute(disk.folder, 'stat')), file?.size, file?.mtimeMs].join(' ');
    },

    async identifyDevice(fd, isOfMachine = false) {
      const stats = fstatSync(fd, { bigint: true });
      if (!stats.isBlockDevice()) throw notAPlace(`fd ${fd}`, 'NEITHER_DISK_NOR_FILE');
      const disk = nodeOf(stats.rdev, isOfMachine);
      if (!disk) throw notAWholeDisk(`fd ${fd}`, []);
      return devicePlace(roots, disk);
    },

    async fileRefusals(anyPath, catalogPath) {
      const own = await ownRefusals(anyPath, catalogPath);
      const claimed = await claims.look(await resolvedAsFarAsItExists(anyPath));
      const users = fileUsers(roots, anyPath, claimed);
      return {
        captureRefusals: [...own.captureRefusals, ...users.captureRefusals],
        deployRefusals: [...own.deployRefusals, ...users.deployRefusals],
      };
    },

    async claim({ kind, path }, holder) {
      if (kind === 'file') return claims.hold(path, holder);
      const tree = readBlockTree(roots);
      const disk = tree.byPath(path);
      const files = disk ? filesBehind(roots, tree, readLoopFiles(roots, tree), disk) : [];
      return allOrNone(files.map((file) => () => claims.hold(file, holder)));
    },
  };
}

/** @throws what the first throws that cannot be had; what was taken before it is given back */
async function allOrNone(takes: readonly (() => Promise<Claim>)[]): Promise<Claim> {
  const taken: Claim[] = [];
  const release = async () => {
    for (const claim of taken) await claim.release();
  };
  try {
    for (const take of takes) taken.push(await take());
    return { release };
  } catch (error) {
    await release();
    throw error;
  }
}

/** Writes and discards that were completed, and their sectors. Source: Documentation/block/stat.rst of the kernel */
function writesIn(counters: string): string[] {
  const fields = counters.split(/\s+/);
  return [4, 6, 11, 13].map((field) => fields[field] ?? '');
}
