/** What else a disk's bytes are called: the file or device behind a loop device, and other loop devices on that. */
import type { BlockNode, BlockTree } from './block-tree.ts';
import type { Behind } from './device-refusals.ts';
import type { KernelRoots } from './kernel-files.ts';
import type { LoopFiles } from './loop-files.ts';
import { deviceWriters, locksOn, writersOf } from './open-files.ts';

/** @param closely also at who has the file or the device open, which takes a look at every process */
export function readBehind(
  roots: KernelRoots,
  tree: BlockTree,
  loopFiles: LoopFiles,
  disk: BlockNode,
  closely: boolean,
): Behind {
  const file = loopFiles.of(disk);
  const below = tree.allBelow(disk);
  const beside = [
    ...loopFiles.on(file),
    // loop devices on the same device
    ...tree.nodes.filter((node) => node.backingFile !== null && tree.below(node).some((one) => below.includes(one))),
  ].filter((node) => node !== disk);
  const locks = file ? locksOn(roots, file) : { writing: [], reading: [] };
  const all = [disk, ...below];
  const writers = closely
    ? [...deviceWriters(roots, (path) => all.includes(tree.byPath(path)!)), ...(file ? writersOf(roots, file) : [])]
    : [];
  return { below, beside, file, writers: [...locks.writing, ...writers], readers: locks.reading };
}
