/** The folders of a volume that may be the root of a system: the volume itself; of btrfs, its subvolumes and snapshots of them. */
import { EngineError } from '../core/engine-error.ts';
import type { FileNode } from '../filesystems/file-tree.port.ts';
import type { GuestVolume } from '../guest/guest-input.ts';
import type { Names } from '../writers/steps.port.ts';

const MAX_ROOTS = 1000;
/** Where snapper keeps snapshots, and timeshift: a folder, and what each of the folders in it has. */
const SNAPSHOTS = [
  ['.snapshots', 'snapshot'],
  ['snapshots', '@'],
] as const;
/** Installers of openSUSE make the system in the first snapshot: nothing was taken by it. */
const FIRST = '1';

export interface SystemRoot {
  readonly node: FileNode;
  readonly names: Names;
  /** it is what a system was, and is not to change */
  readonly isSnapshot: boolean;
}

/** @throws EngineError `FORMAT_INVALID`, `FORMAT_UNSUPPORTED`, `READ_FAILED`, `ABORTED` */
export async function systemRoots({ kind, tree }: GuestVolume, signal: AbortSignal): Promise<SystemRoot[]> {
  const top: SystemRoot = { node: tree!.root, names: [], isSnapshot: false };
  if (kind !== 'btrfs') return [top];
  const foldersIn = async (folder: FileNode) => {
    const found: [name: string, node: FileNode][] = [];
    for await (const batch of tree!.list(folder, signal)) {
      for (const { name, node } of batch) {
        if (node.kind === 'folder' && !/[/\0]/.test(name)) found.push([name, node]);
        if (found.length > MAX_ROOTS) throw new EngineError('FORMAT_UNSUPPORTED', { feature: 'so many subvolumes' });
      }
    }
    return found;
  };
  const roots = [top];
  for (const [name, node] of await foldersIn(top.node)) roots.push({ node, names: [name], isSnapshot: false });
  for (const holder of [...roots]) {
    for (const [folder, inner] of SNAPSHOTS) {
      const snapshots = await tree!.find(holder.node, folder);
      if (snapshots?.kind !== 'folder') continue;
      for (const [name, node] of await foldersIn(snapshots)) {
        const snapshot = await tree!.find(node, inner);
        if (snapshot?.kind !== 'folder') continue;
        const isSnapshot = !(folder === '.snapshots' && name === FIRST);
        roots.push({ node: snapshot, names: [...holder.names, folder, name, inner], isSnapshot });
      }
    }
  }
  return roots;
}
