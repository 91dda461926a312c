/** The files of a guest as the guest itself would see them: links are followed inside it, volumes are joined at mount points. */
import type { Warning } from '../contract/warnings.ts';
import { checkRange } from '../core/bounds.ts';
import { EngineError } from '../core/engine-error.ts';
import type { FileContent, FileNode, FileTree } from '../filesystems/file-tree.port.ts';

/** As many links as Linux follows in one path (path_resolution(7)). */
export const MAX_LINKS = 40;
export const MAX_NAMES = 1000;
const MAX_LISTED = 10_000;
const MAX_TEXT_BYTES = 1024 * 1024;
const MAX_WARNINGS = 20;

/** A folder of a tree that stands for '/' or for a mount point. */
export interface GuestPlace {
  readonly tree: FileTree;
  readonly node: FileNode;
  /** the folder's own path in its tree, where it is not the tree's root: a subvolume of btrfs */
  readonly names?: readonly string[];
}

/**
 * No method throws for what is in the files: damage is null, with one warning for each path. An abort and mistakes of ours
 * do get out.
 */
export class GuestFiles {
  readonly #mounts = new Map<string, GuestPlace>();
  readonly #warned = new Set<string>();
  readonly #signal: AbortSignal;
  readonly warnings: Warning[];
  /** reads that failed, told in warnings or not: those are limited */
  failedReads = 0;
  /** stands before paths in warnings and origins: the volume, where it is not the root */
  readonly #prefix: string;

  constructor(root: GuestPlace, signal: AbortSignal, warnings: Warning[] = [], prefix = '') {
    this.#mounts.set('/', root);
    this.#signal = signal;
    this.warnings = warnings;
    this.#prefix = prefix;
  }

  mount(path: string, place: GuestPlace): void {
    if (path !== '/') this.#mounts.set(path, place);
  }

  /** What stands for '/', or for a mount point; nothing where nothing is mounted. */
  placeAt(path: string): GuestPlace | undefined {
    return this.#mounts.get(path);
  }

  /** '/' and all that something is mounted at. */
  mountPoints(): string[] {
    return [...this.#mounts.keys()];
  }

  origin(path: string): string {
    return this.#prefix + path;
  }

  /** Where a path leads, links followed; null where nothing is there or it cannot be read. */
  async find(path: string): Promise<GuestPlace | null> {
    return this.guarded(path, () => this.#walk(path));
  }

  /** Where a path leads, links followed, as the path without links on it; null where nothing is there or it cannot be read. */
  async realPath(path: string): Promise<string | null> {
    return this.guarded(path, async () => (await this.#walk(path))?.path ?? null);
  }

  /** Where a link points that stands at the end of a path itself; null where something else stands there, or nothing. */
  async linkTarget(path: string): Promise<string | null> {
    return this.guarded(path, async () => {
      const [, folder, name] = /^(.*)\/([^/]+)\/*$/.exec(path) ?? [];
      const place = name === undefined ? null : await this.#walk(folder);
      if (place?.node.kind !== 'folder') return null;
      const node = await place.tree.find(place.node, name);
      return node?.kind === 'link' ? place.tree.readLink(node) : null;
    });
  }

  async exists(path: string): Promise<boolean> {
    return (await this.find(path)) !== null;
  }

  /** The first of some paths that is there. */
  async firstOf(paths: readonly string[]): Promise<string | null> {
    for (const path of paths) if (await this.exists(path)) return path;
    return null;
  }

  /** A small text file, of at most 1 MiB; Latin-1 and broken UTF-8 do not stop it. */
  async text(path: string): Promise<string | null> {
    return this.guarded(path, async () => {
      const content = await this.#open(path);
      if (!content) return null;
      checkRange('length', content.lengthBytes, 0, MAX_TEXT_BYTES);
      const bytes = Buffer.alloc(content.lengthBytes);
      await content.readInto(0, bytes);
      return bytes.toString('utf8').replaceAll('\0', '');
    });
  }

  /** The first bytes of a file, fewer where it is shorter. */
  async head(path: string, lengthBytes: number): Promise<Buffer | null> {
    return this.guarded(path, async () => {
      const content = await this.#open(path);
      if (!content) return null;
      const bytes = Buffer.alloc(Math.min(lengthBytes, content.lengthBytes));
      await content.readInto(0, bytes);
      return bytes;
    });
  }

  /** A file to read pieces of. */
  async content(path: string): Promise<FileContent | null> {
    return this.guarded(path, () => this.#open(path));
  }

  /** The names in a folder, sorted, ten thousand at most; none where there is no such folder. */
  async names(path: string): Promise<string[]> {
    const names = await this.guarded(path, async () => {
      const place = await this.#walk(path);
      const found: string[] = [];
      if (place?.node.kind !== 'folder') return found;
      for await (const batch of place.tree.list(place.node, this.#signal)) {
        found.push(...batch.map(({ name }) => name).filter((name) => !name.includes('/')));
        checkRange('names in a folder', found.length, 0, MAX_LISTED);
      }
      return found.sort();
    });
    return names ?? [];
  }

  /** Runs `read`; what is damaged becomes a warning and null. */
  async guarded<T>(path: string, read: () => Promise<T | null>): Promise<T | null> {
    this.#signal.throwIfAborted();
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof EngineError) || error.code === 'ABORTED') throw error;
      this.failedReads++;
      const origin = this.origin(path);
      if (!this.#warned.has(origin) && this.warnings.length < MAX_WARNINGS) {
        this.#warned.add(origin);
        const { field, feature } = error.data;
        const reason = [error.code, field ?? feature].filter(Boolean).join(': ');
        this.warnings.push({ code: 'GUEST_FILE_UNREADABLE', data: { path: origin.slice(0, 300), reason } });
      }
      return null;
    }
  }

  async #open(path: string): Promise<FileContent | null> {
    const place = await this.#walk(path);
    return place?.node.kind === 'file' ? place.tree.open(place.node) : null;
  }

  async #walk(path: string): Promise<(GuestPlace & { path: string }) | null> {
    const root = this.#mounts.get('/')!;
    const todo = path.split('/').reverse();
    let stack: (GuestPlace & { path: string })[] = [];
    let links = 0;
    for (let steps = 0; todo.length > 0; steps++) {
      checkRange('names in a path', Math.max(steps, todo.length), 0, MAX_NAMES);
      const name = todo.pop()!;
      if (name === '' || name === '.') continue;
      if (name === '..') {
        stack.pop();
        continue;
      }
      const here = stack.at(-1) ?? { ...root, path: '' };
      if (here.node.kind !== 'folder') return null;
      const node = await here.tree.find(here.node, name);
      if (!node) return null;
      if (node.kind === 'link') {
        checkRange('links in a path', ++links, 1, MAX_LINKS);
        const target = await here.tree.readLink(node);
        if (target.startsWith('/')) stack = [];
        const names = target.split('/');
        checkRange('names in a path', names.length, 0, MAX_NAMES);
        todo.push(...names.reverse());
        continue;
      }
      const at = `${here.path}/${name}`;
      const mounted = this.#mounts.get(at);
      stack.push({ ...(mounted ?? { tree: here.tree, node }), path: at });
    }
    return stack.at(-1) ?? { ...root, path: '/' };
  }
}
