/** Further systems on the volumes of a guest: subvolumes and snapshots of btrfs that hold one. What changes in the guest changes in none of them. */
import { EngineError } from '../core/engine-error.ts';
import type { FileNode, FileTree } from '../filesystems/file-tree.port.ts';
import type { GuestVolume } from './guest-input.ts';
import { subfolder } from './roots.ts';

/** Snapshots are made every hour somewhere. */
const MAX_LOOKED_AT = 2000;

/**
 * @param own where the guest's root is: a volume, and its folder there
 * @returns paths in their volumes, of those that have a machine ID; '/' for a volume's topmost folder. None of a volume that cannot be read
 */
export async function otherSystems(
  volumes: readonly GuestVolume[],
  own: { readonly volume: string; readonly folder: string },
  signal: AbortSignal,
): Promise<string[]> {
  const found: string[] = [];
  for (const { ref, tree } of volumes) {
    if (!tree?.subvolumes) continue;
    try {
      const root = ref === own.volume ? await subfolder(tree, own.folder) : null;
      if (tree.root.id !== root?.id && (await hasMachineId(tree, tree.root))) found.push('/');
      let looks = 0;
      for await (const { path, node } of tree.subvolumes(signal)) {
        if (++looks > MAX_LOOKED_AT) break;
        if (node.id !== root?.id && (await hasMachineId(tree, node))) found.push(path);
      }
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof EngineError)) throw error;
    }
  }
  return found;
}

async function hasMachineId(tree: FileTree, root: FileNode): Promise<boolean> {
  if (root.kind !== 'folder') return false;
  const etc = await tree.find(root, 'etc');
  const file = etc?.kind === 'folder' ? await tree.find(etc, 'machine-id') : null;
  return file?.kind === 'file' && file.lengthBytes > 1;
}
