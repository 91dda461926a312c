/** From a path inside a volume to what is there. */
import { EngineError } from '../core/engine-error.ts';
import type { FileNode, FileTree } from '../filesystems/file-tree.port.ts';

export interface FoundFile {
  /** '' for the root */
  readonly name: string;
  readonly node: FileNode;
}

/** As Linux does: more links on one way are taken for a circle. */
const MAX_LINKS = 40;
/** A folder inside itself must not lead for ever. */
const MAX_DEPTH = 4096;

/**
 * Goes from the root along `path`, through links as long as they stay in the volume: absolute ones begin at its root.
 * @param followsLast whether a link at the end is followed, too; one that leads nowhere is returned itself
 * @throws EngineError `NOT_FOUND` with the part of the path that is not there; `BAD_REQUEST` for '..'
 */
export async function findPath(tree: FileTree, path: string, followsLast: boolean): Promise<FoundFile> {
  const names = namesIn(path);
  if (names.includes('..')) throw new EngineError('BAD_REQUEST', { field: 'path', reason: '..' });
  const walk = new Walk(tree);
  for (const [i, name] of names.entries()) {
    const isLast = i === names.length - 1;
    if (!(await walk.step(name))) {
      throw new EngineError('NOT_FOUND', { path: `/${names.slice(0, i + 1).join('/')}` });
    }
    if (isLast && !followsLast) break;
    const link = walk.here;
    if (!(await walk.follow())) {
      if (isLast) return { name, node: link.node };
      throw new EngineError('NOT_FOUND', { path: `/${names.slice(0, i + 1).join('/')}` });
    }
  }
  return { name: names.at(-1) ?? '', node: walk.here.node };
}

const namesIn = (path: string) => path.split('/').filter((name) => name !== '' && name !== '.');

class Walk {
  readonly #tree: FileTree;
  #way: FoundFile[];
  #links = 0;

  constructor(tree: FileTree) {
    this.#tree = tree;
    this.#way = [{ name: '', node: tree.root }];
  }

  get here(): FoundFile {
    return this.#way.at(-1)!;
  }

  /** Letters with accents can be written in two ways: where the name is not there as it was typed, it is as it is written otherwise. */
  async #find(folder: FileNode, name: string): Promise<FileNode | null> {
    for (const form of new Set([name, name.normalize('NFC'), name.normalize('NFD')])) {
      const found = await this.#tree.find(folder, form);
      if (found) return found;
    }
    return null;
  }

  /** Goes into a folder's entry. @returns false where it is not there */
  async step(name: string): Promise<boolean> {
    const { node } = this.here;
    if (node.kind !== 'folder' || this.#way.length > MAX_DEPTH) return false;
    const found = await this.#find(node, name);
    if (found) this.#way.push({ name, node: found });
    return found !== null;
  }

  /** Where this is a link, goes to what it points at. @returns false where that is nowhere; the place is then the link */
  async follow(): Promise<boolean> {
    while (this.here.node.kind === 'link') {
      if (++this.#links > MAX_LINKS) return false;
      const before = this.#way;
      const target = await this.#tree.readLink(this.here.node);
      this.#way = target.startsWith('/') ? this.#way.slice(0, 1) : this.#way.slice(0, -1);
      if (!(await this.#go(namesIn(target)))) {
        this.#way = before;
        return false;
      }
    }
    return true;
  }

  async #go(names: readonly string[]): Promise<boolean> {
    for (const [i, name] of names.entries()) {
      if (name === '..') this.#way = this.#way.slice(0, Math.max(1, this.#way.length - 1));
      else if (!(await this.step(name))) return false;
      // the last one is followed by who asked
      if (i < names.length - 1 && !(await this.follow())) return false;
    }
    return true;
  }
}
