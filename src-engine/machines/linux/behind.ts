/** What else a disk's bytes are called: the file or device behind a loop device, and other loop devices on that. */
import type { BlockNode, BlockTree } from './block-tree.ts';
import type { Claimed } from './claimed-files.ts';
import type { Behind } from './device-refusals.ts';
import type { KernelRoots } from './kernel-files.ts';
import type { LoopFiles } from './loop-files.ts';
import { deviceWriters, fileIdentity, filesWrittenBy, isSame, locksOn, openPaths, writersOf } from './open-files.ts';
import { attribute } from './kernel-files.ts';

/**
 * @param closely also at who has the file or the device open, which takes a look at every process
 * @param claimed the file
 */
export function readBehind(
  roots: KernelRoots,
  tree: BlockTree,
  loopFiles: LoopFiles,
  disk: BlockNode,
  closely: boolean,
  claimed: Claimed,
): Behind {
  const file = loopFiles.of(disk);
  const below = tree.allBelow(disk);
  const beside = [
    ...loopFiles.on(file),
    // loop devices on the same device
    ...tree.nodes.filter((node) => node.backingFile !== null && tree.below(node).some((one) => below.includes(one))),
  ].filter((node) => node !== disk);
  const locks = file ? locksOn(roots, file, claimed.isOwn || claimed.by.length > 0) : { writing: [], reading: [] };
  const all = [disk, ...below];
  const open = closely ? openPaths(roots) : [];
  const writers = [
    ...deviceWriters(roots, (path) => all.includes(tree.byPath(path)!), open),
    ...(file ? writersOf(roots, file, open) : []),
  ];
  return { below, beside, file, writers: [...locks.writing, ...writers], readers: [...locks.reading, ...claimed.by] };
}

/**
 * Paths of the files that a device's bytes lie in, as far as they still have one: behind a loop device, or in the hands of the program that
 * serves a network block device on this machine. Source: Documentation/ABI/testing/sysfs-block of the kernel for `pid`
 */
export function filesBehind(roots: KernelRoots, tree: BlockTree, loopFiles: LoopFiles, disk: BlockNode): string[] {
  return [disk, ...tree.allBelow(disk)].flatMap((node) => {
    if (node.backingFile !== null) {
      return isSame(fileIdentity(node.backingFile), loopFiles.of(node)) ? [node.backingFile] : [];
    }
    const server = node.name.startsWith('nbd') ? attribute(node.folder, 'pid') : '';
    return /^\d+$/.test(server) ? filesWrittenBy(roots, server) : [];
  });
}
