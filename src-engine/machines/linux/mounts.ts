/** What is mounted where (/proc/self/mountinfo, proc(5)), and what is swap. */
import { isInside } from '../paths.ts';
import type { BlockNode, BlockTree } from './block-tree.ts';
import { attribute, names, unescaped, type KernelRoots } from './kernel-files.ts';

export interface Mount {
  readonly mountPoint: string;
  /**
   * Of the file system, not of the mount point: a bind mount may be read-only on a file system that is written to through
   * another one.
   */
  readonly isReadOnly: boolean;
  /** the block devices that it stands on; none for file systems in memory or over a network */
  readonly nodes: readonly BlockNode[];
}

/** In the order in which they were mounted. */
export function readMounts(roots: KernelRoots, tree: BlockTree): Mount[] {
  const mounts: Mount[] = [];
  for (const line of attribute(roots.proc, 'self/mountinfo').split('\n')) {
    const [front, back] = line.split(' - ');
    if (back === undefined) continue;
    const [, , number, , mountPoint] = front.split(' ');
    const [type, source, options] = back.split(' ');
    mounts.push({
      mountPoint: unescaped(mountPoint),
      isReadOnly: options.split(',').includes('ro'),
      nodes: mountedNodes(roots, tree, number, type, unescaped(source)),
    });
  }
  return mounts;
}

/** btrfs has a device number of its own and names one of its devices, of which there may be many. */
function mountedNodes(roots: KernelRoots, tree: BlockTree, number: string, type: string, source: string): BlockNode[] {
  const node = tree.byNumber(number) ?? tree.byPath(source);
  if (!node) return [];
  if (type !== 'btrfs') return [node];
  for (const id of names(roots.sys, 'fs/btrfs')) {
    const members = names(roots.sys, 'fs/btrfs', id, 'devices');
    if (members.includes(node.name)) return members.flatMap((name) => tree.byName(name) ?? []);
  }
  return [node];
}

/** The mount that a path is on: the last one at the deepest mount point. @param anyPath absolute, links resolved */
export function mountOf(mounts: readonly Mount[], anyPath: string): Mount | null {
  let best: Mount | null = null;
  for (const mount of mounts) {
    if (!isInside(anyPath, mount.mountPoint)) continue;
    if (best === null || mount.mountPoint.length >= best.mountPoint.length) best = mount;
  }
  return best;
}

/** Paths of swap devices and swap files, from /proc/swaps. */
export function readSwaps(roots: KernelRoots): string[] {
  return attribute(roots.proc, 'swaps')
    .split('\n')
    .slice(1)
    .map((line) => unescaped(line.split(/\s/)[0]))
    .filter((swap) => swap !== '');
}
