/** Files that have several names: what was kept for the first one that was met. */
import type { FileNode } from '../filesystems/file-tree.port.ts';

/** Of files whose names are not all met yet. The names of more are taken for files of their own. */
const MAX_FILES = 100_000;

export class SecondNames<T> {
  readonly #firsts = new Map<string, { readonly kept: T; left: number }>();

  /** @returns what was kept for the first name of the same file; null for a first name, whose `kept` is kept */
  firstOf({ id, linkCount }: FileNode, kept: T): T | null {
    const first = this.#firsts.get(id);
    if (first) {
      if (--first.left === 0) this.#firsts.delete(id);
      return first.kept;
    }
    if (linkCount > 1 && this.#firsts.size < MAX_FILES) this.#firsts.set(id, { kept, left: linkCount - 1 });
    return null;
  }
}
