/** Where a file lies that boot code reads by its blocks. */
import { EngineError } from '../core/engine-error.ts';
import type { Extent } from '../disk/block-source.port.ts';
import type { FileTree } from '../filesystems/file-tree.port.ts';
import { GuestFiles } from '../guest/guest-files.ts';

/** Such files have some hundred KiB. */
const MAX_EXTENTS = 10_000;

/** @returns places in its volume, ascending; none where that cannot be told; throws nothing but an abort */
export async function extentsOfFile(tree: FileTree, path: string, signal: AbortSignal): Promise<Extent[]> {
  const place = await new GuestFiles({ tree, node: tree.root }, signal).find(path);
  const extents: Extent[] = [];
  try {
    if (!place) return [];
    for await (const batch of place.tree.extents(place.node, signal)) {
      extents.push(...batch);
      if (extents.length > MAX_EXTENTS) return [];
    }
  } catch (error) {
    if (!(error instanceof EngineError) || error.code === 'ABORTED') throw error;
    return [];
  }
  return extents.sort((a, b) => a.startBytes - b.startBytes);
}
