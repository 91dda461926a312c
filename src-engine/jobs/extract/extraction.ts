/**
 * Copies a tree out of a template: folders as they are met, contents some thousand files at a time in the order in which they lie in
 * the volume. A folder's files lie anywhere, and to go from one to the next would unpack the template over and over.
 */
import { link, lutimes, mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError, ioError } from '../../core/engine-error.ts';
import type { JobContext } from '../../core/job-context.ts';
import type { FileNode, FileTree, FolderEntry } from '../../filesystems/file-tree.port.ts';
import { copyFile, settle } from './copy-file.ts';
import { isDamage } from '../../browsing/damage.ts';
import { safeName, UniqueNames } from '../../browsing/safe-name.ts';
import { SecondNames } from '../../browsing/second-names.ts';
import { VisitedFolders } from '../../browsing/visited-folders.ts';

/** Folders inside folders: no system could open deeper ones by their path. */
export const MAX_DEPTH = 512;
const MAX_PENDING = 4096;
/** Files that are written at once, each through a piece of memory of its own: who waits for a disk need not wait for each file. */
const AT_ONCE = 4;
const PIECE_BYTES = 1024 * 1024;

/** Where something comes from, inside what is copied, and where it goes. */
interface Copy {
  readonly node: FileNode;
  readonly path: string;
  readonly to: string;
}

export class Extraction {
  writtenBytes = 0;
  readonly #tree: FileTree;
  readonly #context: JobContext;
  readonly #hasExactNames: boolean;
  readonly #pieces = Array.from({ length: AT_ONCE }, () => Buffer.allocUnsafeSlow(PIECE_BYTES));
  readonly #visited = new VisitedFolders();
  /** where the first copy is */
  readonly #names = new SecondNames<string>();
  #files: (Copy & { readonly startBytes: number })[] = [];
  #links: (Copy & { readonly first: string })[] = [];
  #folders: Copy[] = [];
  #top = '';
  #special = 0;
  #renamed = 0;
  #unreadable: { readonly count: number; readonly path: string; readonly reason: string } | null = null;

  /** @param hasExactNames whether the place that is copied to tells names apart that differ in case */
  constructor(tree: FileTree, hasExactNames: boolean, context: JobContext) {
    this.#tree = tree;
    this.#hasExactNames = hasExactNames;
    this.#context = context;
  }

  /**
   * Copies one file, or one folder with all that is in it, to `to`, which is not there. Warns of what is not as it was.
   * @throws EngineError where that one cannot be read, or nothing can be written
   */
  async copy({ name, node }: FolderEntry, to: string): Promise<void> {
    this.#top = name;
    await this.#take({ node, path: name, to }, 0);
    await this.#settlePending();
    const warn = this.#context.warn.bind(this.#context);
    if (this.#special > 0) warn({ code: 'SPECIAL_FILES_LEFT_OUT', data: { count: this.#special } });
    if (this.#renamed > 0) warn({ code: 'NAMES_MADE_SAFE', data: { count: this.#renamed } });
    if (this.#unreadable) warn({ code: 'FILES_NOT_READ', data: { ...this.#unreadable } });
  }

  #take(copy: Copy, depth: number): Promise<void> {
    return this.#attempt(copy, async () => {
      const { kind } = copy.node;
      if (kind === 'folder') await this.#folder(copy, depth);
      else if (kind === 'link') await this.#link(copy);
      else if (kind === 'file') await this.#file(copy);
      else this.#special++;
    });
  }

  async #folder(copy: Copy, depth: number): Promise<void> {
    const { node, path, to } = copy;
    if (depth >= MAX_DEPTH || !this.#visited.isNew(node)) {
      throw new EngineError('FORMAT_INVALID', { field: 'folder', value: node.id });
    }
    await mkdir(to, 0o700);
    const names = new UniqueNames(this.#hasExactNames);
    try {
      for await (const batch of this.#tree.list(node, this.#context.signal)) {
        for (const entry of batch) {
          const name = names.take(safeName(entry.name));
          if (name !== entry.name) this.#renamed++;
          await this.#take({ node: entry.node, path: `${path}/${entry.name}`, to: join(to, name) }, depth + 1);
        }
      }
    } finally {
      // what goes into a folder changes its time
      this.#folders.push(copy);
    }
    await this.#settleMany();
  }

  async #link({ node, to }: Copy): Promise<void> {
    const target = await this.#tree.readLink(node);
    if (target === '' || target.includes('\0')) throw new EngineError('FORMAT_INVALID', { field: 'link' });
    try {
      await symlink(target, to);
    } catch (error) {
      if (!NOT_HERE.has(codeOf(error))) throw error;
      this.#special++;
      return;
    }
    if (node.modifiedMs !== null) await lutimes(to, node.modifiedMs / 1000, node.modifiedMs / 1000).catch(() => {});
  }

  async #file(copy: Copy): Promise<void> {
    const first = this.#names.firstOf(copy.node, copy.to);
    if (first !== null) this.#links.push({ ...copy, first });
    else this.#files.push({ ...copy, startBytes: await this.#startOf(copy.node) });
    await this.#settleMany();
  }

  async #startOf(node: FileNode): Promise<number> {
    for await (const [first] of this.#tree.extents(node, this.#context.signal)) if (first) return first.startBytes;
    return 0;
  }

  #settleMany(): Promise<void> {
    const pending = this.#files.length + this.#links.length + this.#folders.length;
    return pending < MAX_PENDING ? Promise.resolve() : this.#settlePending();
  }

  async #settlePending(): Promise<void> {
    const [files, links, folders] = [this.#files, this.#links, this.#folders];
    [this.#files, this.#links, this.#folders] = [[], [], []];
    await this.#contents(files.sort((a, b) => b.startBytes - a.startBytes));
    for (const { first, ...copy } of links) {
      // the first may be left out, or this place may know no second names
      await this.#attempt(copy, () => link(first, copy.to).catch(() => this.#content(copy, this.#pieces[0])));
    }
    for (const { node, to } of folders) await settle(node, to);
  }

  /** @param files from last to first */
  async #contents(files: Copy[]): Promise<void> {
    const writers = this.#pieces.map(async (piece) => {
      try {
        for (let copy; (copy = files.pop());) {
          const own = copy;
          await this.#attempt(own, () => this.#content(own, piece));
        }
      } finally {
        // where one fails, the others end too
        files.length = 0;
      }
    });
    for (const ended of await Promise.allSettled(writers)) if (ended.status === 'rejected') throw ended.reason;
  }

  async #content({ node, to }: Copy, piece: Buffer): Promise<void> {
    const content = await this.#tree.open(node);
    await copyFile(content, to, piece, this.#context.signal, (bytes) => {
      this.writtenBytes += bytes;
      this.#context.advance(bytes);
    });
    await settle(node, to);
  }

  /** Does what may fail for one thing alone. */
  async #attempt({ path, to }: Copy, work: () => Promise<void>): Promise<void> {
    this.#context.signal.throwIfAborted();
    try {
      await work();
    } catch (error) {
      const isTooLong = codeOf(error) === 'ENAMETOOLONG';
      if (path === this.#top || !(isTooLong || isDamage(error))) throw ioError(error, 'WRITE_FAILED', { path: to });
      const reason = isDamage(error) ? (error.data.feature ?? error.data.field ?? error.code) : codeOf(error);
      this.#unreadable = {
        path,
        reason: String(reason),
        ...this.#unreadable,
        count: (this.#unreadable?.count ?? 0) + 1,
      };
    }
  }
}

/** What systems say of links that they do not make here. */
const NOT_HERE = new Set(['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP']);

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? '';
