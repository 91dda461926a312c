/** Who uses an image file: loop devices, swap, processes that write, locks. */
import type { Refusal } from '../../contract/disk.contract.ts';
import type { Refusals } from '../machine.port.ts';
import { readBlockTree } from './block-tree.ts';
import type { Claimed } from './claimed-files.ts';
import type { KernelRoots } from './kernel-files.ts';
import { readLoopFiles } from './loop-files.ts';
import { fileIdentity, isSame, locksOn, writersOf } from './open-files.ts';
import { readUsage } from './usage.ts';

/** @returns who has claimed it alone for a file that does not exist */
export function fileUsers(roots: KernelRoots, filePath: string, claimed: Claimed): Refusals {
  const file = fileIdentity(filePath);
  if (!file) return { captureRefusals: [], deployRefusals: refusals({ IN_USE: [...claimed.by] }) };
  const tree = readBlockTree(roots);
  const system = readUsage(roots, tree);
  const loops = readLoopFiles(roots, tree).on(file);
  // of a volume that is no whole disk: who stands on it
  const volume = tree.byPath(filePath);
  const usages = [...loops, ...(volume ? [volume] : [])].map((node) => system.of(node));
  const mounts = usages.flatMap((usage) => usage.mounts);
  const mountPoints = (some: typeof mounts) => some.map((mount) => `${mount.path} (${mount.device})`);
  const locks = locksOn(roots, file, claimed.isOwn || claimed.by.length > 0);
  const writing = [
    ...usages.flatMap((usage) => [...usage.swaps, ...usage.holders]),
    ...system.swapPaths.filter((swap) => isSame(fileIdentity(swap), file)),
    ...writersOf(roots, file),
    ...locks.writing,
  ];
  return {
    captureRefusals: refusals({
      MOUNTED_READ_WRITE: mountPoints(mounts.filter((mount) => !mount.isReadOnly)),
      IN_USE: writing,
    }),
    deployRefusals: refusals({
      MOUNTED: mountPoints(mounts),
      // Whoever reads the file would find another one under its feet.
      IN_USE: [...loops.map((loop) => loop.path), ...writing, ...locks.reading, ...claimed.by],
    }),
  };
}

function refusals(detailsByCode: Partial<Record<Refusal['code'], string[]>>): Refusal[] {
  return Object.entries(detailsByCode)
    .filter(([, details]) => details.length > 0)
    .map(([code, details]) => ({ code: code as Refusal['code'], details: [...new Set(details)] }));
}
