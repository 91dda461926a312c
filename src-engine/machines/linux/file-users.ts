/** Who uses an image file: loop devices, swap, processes that write, locks. */
import type { Refusal } from '../../contract/disk.contract.ts';
import { readBlockTree } from './block-tree.ts';
import type { KernelRoots } from './kernel-files.ts';
import { fileIdentity, isSame, writeLocksOn, writersOf } from './open-files.ts';
import { readUsage } from './usage.ts';

export function fileUsers(roots: KernelRoots, filePath: string): Refusal[] {
  const file = fileIdentity(filePath);
  if (!file) return [];
  const tree = readBlockTree(roots);
  const system = readUsage(roots, tree);
  const usages = tree.nodes
    .filter((node) => node.backingFile !== null && isSame(fileIdentity(node.backingFile), file))
    .map((loop) => system.of(loop));
  const mounts = usages.flatMap((usage) => usage.mounts);
  const mountPoints = (isReadOnly: boolean) =>
    mounts.filter((mount) => mount.isReadOnly === isReadOnly).map((mount) => `${mount.path} (${mount.device})`);
  const found: Refusal[] = [
    { code: 'MOUNTED_READ_WRITE', details: mountPoints(false) },
    { code: 'MOUNTED', details: mountPoints(true) },
    {
      code: 'IN_USE',
      details: [
        ...usages.flatMap((usage) => [...usage.swaps, ...usage.holders]),
        ...system.swapPaths.filter((swap) => isSame(fileIdentity(swap), file)),
        ...new Set([...writersOf(roots, file), ...writeLocksOn(roots, file)]),
      ],
    },
  ];
  return found.filter(({ details }) => details.length > 0);
}
