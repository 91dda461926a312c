/**
 * Files and folders that are not finished yet. They are made in a folder beside their place that nobody else can look into, and get their
 * name when they are whole: nothing that others do in the place itself leads a write elsewhere.
 */
import { constants } from 'node:fs';
import { link, lstat, open, rename, unlink, type FileHandle } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { EngineError, ioError, toEngineError } from './engine-error.ts';
import { emptyFolder, holdFolder, type HeldFolder, makePrivateFolder, removePrivateFolder } from './held-folder.ts';

/** Room for the id in a name of 255 bytes. */
const MAX_NAME_BYTES = 200;
const CONTENT = 'content';

const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;

export class PartialOutput {
  readonly #place: HeldFolder;
  readonly #name: string;
  readonly #partialName: string;
  /** where everything is made, by {@link HeldFolder.at} */
  readonly folder: HeldFolder;

  private constructor(place: HeldFolder, name: string, partialName: string, folder: HeldFolder) {
    this.#place = place;
    this.#name = name;
    this.#partialName = partialName;
    this.folder = folder;
  }

  /**
   * @param path what it will be, without links on the way @param id of the job
   * @throws EngineError `NOT_FOUND`, `WRITE_FAILED`, `PERMISSION_DENIED`, `DISK_FULL`; `LINK_NOT_FOLLOWED` where a link came to be on the way
   */
  static async begin(path: string, id: string): Promise<PartialOutput> {
    const partialName = partialNameOf(path, id);
    const place = await holdFolder(dirname(path), 'none').catch((error) => {
      throw toEngineError(error);
    });
    try {
      const folder = await makePrivateFolder(place, partialName);
      return new PartialOutput(place, basename(path), partialName, folder);
    } catch (error) {
      await place.close();
      throw ioError(error, 'WRITE_FAILED', { path });
    }
  }

  /** Makes the file that is to be published, opened for reading and writing. */
  async create(mode = 0o666): Promise<FileHandle> {
    const flags = O_RDWR | O_CREAT | O_EXCL | (O_NOFOLLOW ?? 0);
    return open(this.contentPath, flags, mode).catch((error) => {
      throw ioError(this.folder.named(error), 'WRITE_FAILED', { path: this.#place.shown(this.#place.at(this.#name)) });
    });
  }

  /** Where what is to be published is made, be it a file or a folder. */
  get contentPath(): string {
    return this.folder.at(CONTENT);
  }

  /** The file that has the name now, and is to be replaced; null for none, and for what is no file. */
  async replaced(): Promise<{ mode: number; uid: number; gid: number } | null> {
    const stats = await lstat(this.#place.at(this.#name)).catch(() => null);
    return stats?.isFile() ? stats : null;
  }

  /**
   * Gives the name and makes it durable. A link that has it is replaced, never followed.
   * @param from in {@link folder} @param mayReplace what is there; without, somebody else's file stays, whenever it came
   * @param name beside it, of what comes in several files
   * @throws EngineError `OVERWRITE_REQUIRED`, `WRITE_FAILED`
   */
  async publish(mayReplace: boolean, from = this.contentPath, name = this.#name): Promise<void> {
    const to = this.#place.at(name);
    const path = this.#place.shown(to);
    const own = await lstat(from, { bigint: true });
    try {
      if (mayReplace || own.isDirectory() || !(await isLinked(from, to))) {
        if (!mayReplace && (await lstat(to).catch(() => null))) throw new EngineError('OVERWRITE_REQUIRED', { path });
        await rename(from, to);
      }
    } catch (error) {
      throw (error as NodeJS.ErrnoException).code === 'EEXIST'
        ? new EngineError('OVERWRITE_REQUIRED', { path }, '', { cause: error })
        : ioError(this.#place.named(this.folder.named(error)), 'WRITE_FAILED', { path });
    }
    await this.#place.sync();
  }

  /** Does something in {@link folder}: errors that name what is in it name the whole. */
  async within<T>(path: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (thrown) {
      const error = toEngineError(this.folder.named(thrown));
      const where = error.data.path;
      if (error.code === 'INTERNAL' || typeof where !== 'string' || !isIn(this.folder, where)) throw thrown;
      throw new EngineError(error.code, { ...error.data, path }, error.hint, { cause: thrown });
    }
  }

  /** Removes what was not published. Never fails. */
  async end(): Promise<void> {
    await emptyFolder(this.folder).catch(() => {});
    await this.folder.close().catch(() => {});
    await removePrivateFolder(this.#place, this.#partialName).catch(() => {});
    await this.#place.close().catch(() => {});
  }
}

/** Removes what a job whose process died has left of `path`. What is not this user's own is left alone. */
export async function removePartial(path: string, id: string): Promise<void> {
  const place = await holdFolder(dirname(path), 'none');
  try {
    const name = partialNameOf(path, id);
    const stats = await lstat(place.at(name));
    if (stats.isDirectory()) await removePrivateFolder(place, name);
    else if (stats.isFile() && stats.uid === process.geteuid?.()) await unlink(place.at(name));
  } finally {
    await place.close();
  }
}

/** The name of the folder beside `path` in which it is made. */
export function partialNameOf(path: string, id: string): string {
  let name = basename(path);
  while (Buffer.byteLength(name) > MAX_NAME_BYTES) name = name.slice(0, -1);
  return `.${name}.${id}.partial`;
}

function isIn(folder: HeldFolder, path: string): boolean {
  return path.startsWith(folder.at('')) || path.startsWith(folder.path);
}

/** A second name never replaces what is there, as a new one would. @returns false where there are no second names */
async function isLinked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw error;
    return false;
  }
}
