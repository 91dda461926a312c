/** All that is below a folder, what lies deepest first: the order in which it can be removed. */
import type { FileKind } from '../contract/files.contract.ts';
import type { FileNode } from '../filesystems/file-tree.port.ts';
import { impossible, unsafe } from './refusals.ts';
import type { ClearFolder, Names, VolumeChanges } from './steps.port.ts';

const MAX_ENTRIES = 1_000_000;
const MAX_DEPTH = 512;

export interface Below {
  readonly names: Names;
  readonly kind: FileKind;
}

/**
 * Without what the step keeps, and without the folder itself.
 * @throws EngineError `GUEST_UNSAFE` for folders that go round, and names that are none
 */
export async function folderContents(
  { tree }: Pick<VolumeChanges, 'tree'>,
  { node, names, kept, change }: ClearFolder,
  signal: AbortSignal,
): Promise<Below[]> {
  const all: Below[] = [];
  const visited = new Set<string>();
  const stays = new Set(kept.flatMap((path) => path.map((_, i) => path.slice(0, i + 1).join('/'))));

  async function walk(folder: FileNode, at: Names): Promise<void> {
    if (at.length > MAX_DEPTH || visited.has(folder.id)) throw unsafe(change.path, 'folders-in-a-circle');
    visited.add(folder.id);
    for await (const batch of tree.list(folder, signal)) {
      for (const { name, node: child } of batch) {
        if (name === '' || name === '.' || name === '..' || name.includes('/')) throw unsafe(change.path, 'name');
        const own = [...at, name];
        if (child.kind === 'folder') await walk(child, own);
        if (!stays.has(own.join('/'))) all.push({ names: own, kind: child.kind });
        if (all.length > MAX_ENTRIES) throw impossible(change.path, 'too-many');
      }
    }
  }

  await walk(node, names);
  return all;
}
