/** The kernel's block devices and what stands on what, from /sys/class/block. */
import { realpathSync } from 'node:fs';
import path from 'node:path';
import { attribute, names, type KernelRoots } from './kernel-files.ts';

/** sysfs counts sizes in these, whatever the device's own sector is. */
const SYSFS_SECTOR_BYTES = 512;

/** Memory, floppies and flash chips; what stands on disks; the hardware areas of an eMMC. */
const NOT_A_DISK = /^(ram|zram|fd|mtdblock|dm-|md|bcache|drbd|zd|mmcblk\d+(boot\d+|rpmb))/;

export interface BlockNode {
  /** as in sysfs */
  readonly name: string;
  /** as in /dev */
  readonly path: string;
  /** 'MAJOR:MINOR' */
  readonly number: string;
  /** its folder in sysfs, links resolved */
  readonly folder: string;
  readonly lengthBytes: number;
  readonly isPartition: boolean;
  /** a disk that a person can attach, with or without a medium */
  readonly isWholeDisk: boolean;
  /** names of what it stands on: the disk of a partition, members of a RAID, physical volumes */
  readonly standsOn: readonly string[];
  /** the file behind a loop device, or null */
  readonly backingFile: string | null;
}

export interface BlockTree {
  readonly nodes: readonly BlockNode[];
  byName(name: string): BlockNode | null;
  byNumber(number: string): BlockNode | null;
  /** The device that a path below /dev names, be it a link or not. */
  byPath(devicePath: string): BlockNode | null;
  /** What the device stands on directly. */
  below(node: BlockNode): readonly BlockNode[];
  /** All that the device stands on, directly or not. */
  allBelow(node: BlockNode): BlockNode[];
  /** The device itself and all that stands on it, directly or not. */
  above(node: BlockNode): BlockNode[];
}

export function readBlockTree(roots: KernelRoots): BlockTree {
  const nodes: BlockNode[] = [];
  const nameByPath = new Map<string, string>();
  for (const name of names(roots.sys, 'class/block')) {
    const folder = resolvedOrNull(path.join(roots.sys, 'class/block', name));
    if (folder === null) continue;
    nameByPath.set(path.join(roots.dev, name.replaceAll('!', '/')), name);
    const node = readNode(roots, name, folder);
    // a mapped device by its own name, too
    nameByPath.set(node.path, name);
    nodes.push(node);
  }
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const byNumber = new Map(nodes.map((node) => [node.number, node]));
  const byPath = (devicePath: string): BlockNode | null => {
    if (!devicePath.startsWith(`${roots.dev}/`)) return null;
    const name = nameByPath.get(devicePath) ?? nameByPath.get(resolvedOrNull(devicePath) ?? '');
    return (name !== undefined && byName.get(name)) || null;
  };
  const below = new Map(
    nodes.map((node) => {
      // A loop device may stand on a device instead of a file: the kernel shows that in the path only.
      const behind = node.backingFile === null ? null : byPath(node.backingFile);
      const members = node.standsOn.flatMap((name) => byName.get(name) ?? []);
      return [node, behind ? [...members, behind] : members];
    }),
  );
  return {
    nodes,
    byName: (name) => byName.get(name) ?? null,
    byNumber: (number) => byNumber.get(number) ?? null,
    byPath,
    below: (node) => below.get(node) ?? [],
    allBelow(start) {
      const found = new Set(below.get(start));
      for (const node of found) for (const next of below.get(node) ?? []) found.add(next);
      return [...found];
    },
    above(start) {
      const found = new Set([start]);
      for (const node of found) {
        for (const [other, members] of below) if (members.includes(node)) found.add(other);
      }
      return [...found];
    },
  };
}

function readNode(roots: KernelRoots, name: string, folder: string): BlockNode {
  // to ask for what is not there takes longer than to read what is
  const there = new Set(names(folder));
  const isPartition = there.has('partition');
  const lengthBytes = Number(attribute(folder, 'size')) * SYSFS_SECTOR_BYTES;
  const backingFile = (there.has('loop') && attribute(folder, 'loop/backing_file')) || null;
  const mapperName = there.has('dm') && attribute(folder, 'dm/name');
  const members = there.has('slaves') ? names(folder, 'slaves') : [];
  return {
    name,
    path: mapperName ? path.join(roots.dev, 'mapper', mapperName) : path.join(roots.dev, name.replaceAll('!', '/')),
    number: attribute(folder, 'dev'),
    folder,
    lengthBytes,
    isPartition,
    isWholeDisk:
      !isPartition &&
      members.length === 0 &&
      !NOT_A_DISK.test(name) &&
      attribute(folder, 'hidden') !== '1' &&
      !(name.startsWith('loop') && backingFile === null) &&
      // Network and optical drives are there all the time: without a medium they are nothing.
      !(/^(nbd|sr)\d/.test(name) && lengthBytes === 0),
    standsOn: isPartition ? [path.basename(path.dirname(folder))] : members,
    backingFile,
  };
}

function resolvedOrNull(anyPath: string): string | null {
  try {
    return realpathSync.native(anyPath);
  } catch {
    return null;
  }
}
