/** What of the running system stands on a disk. */
import type { BlockNode, BlockTree } from './block-tree.ts';
import type { KernelRoots } from './kernel-files.ts';
import { mountOf, readMounts, readSwaps, type Mount } from './mounts.ts';

/** A machine cannot run without what is mounted here. */
const SYSTEM_MOUNT_POINTS = ['/', '/boot', '/boot/efi', '/efi', '/usr', '/var'];

export interface DiskUsage {
  readonly mounts: readonly { readonly device: string; readonly path: string; readonly isReadOnly: boolean }[];
  /** devices in use as swap */
  readonly swaps: readonly string[];
  /** RAID, LVM, opened encrypted volumes, loop devices */
  readonly holders: readonly string[];
}

export interface SystemUsage {
  /** devices and files in use as swap */
  readonly swapPaths: readonly string[];
  of(disk: BlockNode): DiskUsage;
  /** mount points of the running system that stand on the disk, through partitions, RAID, LVM and loop files */
  systemMountsOn(disk: BlockNode): string[];
  /** whether a path is on the disk. @param anyPath absolute, links resolved */
  isOn(disk: BlockNode, anyPath: string): boolean;
}

export function readUsage(roots: KernelRoots, tree: BlockTree): SystemUsage {
  const mounts = readMounts(roots, tree);
  const swapPaths = readSwaps(roots);
  const swapNodes = swapPaths.flatMap((swap) => tree.byPath(swap) ?? []);

  /** Every device that a mount stands on, down to the disks, and through the file behind a loop device to its disk. */
  const below = (mount: Mount | null): Set<BlockNode> => {
    const found = new Set(mount?.nodes);
    for (const node of found) {
      for (const next of tree.below(node)) found.add(next);
      if (node.backingFile !== null) for (const next of mountOf(mounts, node.backingFile)?.nodes ?? []) found.add(next);
    }
    return found;
  };
  const system = SYSTEM_MOUNT_POINTS.flatMap((mountPoint) => {
    const mount = mounts.findLast((m) => m.mountPoint === mountPoint);
    return mount ? [{ mountPoint, nodes: below(mount) }] : [];
  });

  return {
    swapPaths,
    of(disk) {
      const above = tree.above(disk);
      return {
        mounts: mounts.flatMap((mount) =>
          mount.nodes
            .filter((node) => above.includes(node))
            .map((node) => ({ device: node.path, path: mount.mountPoint, isReadOnly: mount.isReadOnly })),
        ),
        swaps: swapNodes.filter((node) => above.includes(node)).map((node) => node.path),
        holders: above.filter((node) => node !== disk && !node.isPartition).map((node) => node.path),
      };
    },
    systemMountsOn: (disk) => system.filter(({ nodes }) => nodes.has(disk)).map(({ mountPoint }) => mountPoint),
    isOn: (disk, anyPath) => below(mountOf(mounts, anyPath)).has(disk),
  };
}
