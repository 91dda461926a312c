/** What differs between two file trees: both are walked side by side, folder by folder. */
import type { Change } from '../contract/files.contract.ts';
import { EngineError } from '../core/engine-error.ts';
import type { FileNode, FileTree } from '../filesystems/file-tree.port.ts';
import { isDamage } from './damage.ts';
import { VisitedFolders } from './visited-folders.ts';

const MAX_DEPTH = 512;
/** More names in one folder are not compared. */
const MAX_NAMES = 1_000_000;

/** What is asked and told while two trees are walked. */
export interface TreeDifferences {
  /** Of files of the same length, permissions and owner. */
  isSameContent(before: FileNode, after: FileNode): Promise<boolean>;
  /** Of folders, what is in them aside. */
  isSameFolder(before: FileNode, after: FileNode): boolean;
  count(kind: 'added' | 'changed' | 'removed' | 'unchanged', node: FileNode): void;
  tell(change: Omit<Change, 'volume'>): void;
}

/** @throws EngineError `FORMAT_INVALID` for a tree that goes round or cannot be read; `FORMAT_UNSUPPORTED` */
export async function compareTrees(
  before: FileTree,
  after: FileTree,
  told: TreeDifferences,
  signal: AbortSignal,
): Promise<void> {
  await new TreeWalk(before, after, told, signal).folders(before.root, after.root, '', 0);
}

class TreeWalk {
  readonly #before: FileTree;
  readonly #after: FileTree;
  readonly #told: TreeDifferences;
  readonly #signal: AbortSignal;
  readonly #visited = new Map<FileTree, VisitedFolders>();

  constructor(before: FileTree, after: FileTree, told: TreeDifferences, signal: AbortSignal) {
    this.#before = before;
    this.#after = after;
    this.#told = told;
    this.#signal = signal;
    for (const side of [before, after]) this.#visited.set(side, new VisitedFolders());
  }

  /** @throws EngineError `FORMAT_INVALID` for a tree that goes round or cannot be read */
  async folders(before: FileNode, after: FileNode, path: string, depth: number): Promise<void> {
    const olds = await this.#entries(this.#before, before, depth);
    const news = await this.#entries(this.#after, after, depth);
    const names = [...new Set([...olds.keys(), ...news.keys()])].sort();
    for (const name of names) {
      this.#signal.throwIfAborted();
      const [old, now] = [olds.get(name), news.get(name)];
      const own = `${path}/${name}`;
      if (old && now && old.kind === now.kind) {
        if (old.kind === 'folder') {
          if (!this.#told.isSameFolder(old, now)) this.#changed(old, now, own);
          await this.folders(old, now, own, depth + 1);
        } else await this.#files(old, now, own);
        continue;
      }
      if (old) await this.#only('removed', old, own, depth + 1);
      if (now) await this.#only('added', now, own, depth + 1);
    }
  }

  async #entries(side: FileTree, folder: FileNode, depth: number): Promise<Map<string, FileNode>> {
    if (depth > MAX_DEPTH || !this.#visited.get(side)!.isNew(folder)) {
      throw new EngineError('FORMAT_INVALID', { field: 'folder', value: folder.id });
    }
    const entries = new Map<string, FileNode>();
    for await (const batch of side.list(folder, this.#signal)) {
      for (const { name, node } of batch) entries.set(name, node);
      if (entries.size > MAX_NAMES)
        throw new EngineError('FORMAT_UNSUPPORTED', { feature: `more than ${MAX_NAMES} names` });
    }
    return entries;
  }

  async #files(before: FileNode, after: FileNode, path: string): Promise<void> {
    const isSame =
      before.lengthBytes === after.lengthBytes &&
      before.mode === after.mode &&
      before.ownerId === after.ownerId &&
      before.groupId === after.groupId &&
      (before.kind !== 'link' || (await linkOf(this.#before, before)) === (await linkOf(this.#after, after))) &&
      (before.kind !== 'file' || (await this.#told.isSameContent(before, after)));
    this.#told.count(isSame ? 'unchanged' : 'changed', after);
    if (!isSame) this.#changed(before, after, path);
  }

  #changed(before: FileNode, after: FileNode, path: string): void {
    const lengths =
      after.kind === 'folder'
        ? { beforeBytes: null, afterBytes: null }
        : { beforeBytes: before.lengthBytes, afterBytes: after.lengthBytes };
    this.#told.tell({ path, kind: after.kind, change: 'changed', ...lengths });
  }

  /** A file or a folder with all that is in it. */
  async #only(change: 'added' | 'removed', node: FileNode, path: string, depth: number): Promise<void> {
    const bytes = node.kind === 'folder' ? null : node.lengthBytes;
    const [beforeBytes, afterBytes] = change === 'added' ? [null, bytes] : [bytes, null];
    this.#told.tell({ path, kind: node.kind, change, beforeBytes, afterBytes });
    if (node.kind !== 'folder') {
      this.#told.count(change, node);
      return;
    }
    const entries = await this.#entries(change === 'added' ? this.#after : this.#before, node, depth);
    for (const name of [...entries.keys()].sort()) {
      this.#signal.throwIfAborted();
      await this.#only(change, entries.get(name)!, `${path}/${name}`, depth + 1);
    }
  }
}

async function linkOf(tree: FileTree, link: FileNode): Promise<string | null> {
  try {
    return await tree.readLink(link);
  } catch (error) {
    if (isDamage(error)) return null;
    throw error;
  }
}
