/** Every file that an image is read from, as it was when it was opened: a copy of something that changes meanwhile is of no moment at all. */
import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { EngineError, toEngineError } from '../core/engine-error.ts';
import type { OpenSibling } from '../formats/disk-image.port.ts';
import type { FilePath } from '../formats/raw/file-source.ts';
import { pathBeside } from '../formats/raw/folder-files.ts';

export class WatchedFiles {
  readonly #seen = new Map<FilePath, string>();

  /** Before it is opened. @throws EngineError `NOT_FOUND`, `PERMISSION_DENIED` */
  async add(path: FilePath): Promise<void> {
    if (!this.#seen.has(path)) this.#seen.set(path, await stateOf(path));
  }

  /** @returns what opens files of a folder as `open` does, and watches those that are there */
  siblings(folder: string, open: OpenSibling): OpenSibling {
    return async (name) => {
      const source = await open(name);
      try {
        await this.add(await pathBeside(folder, name));
        return source;
      } catch (error) {
        await source.close();
        throw error;
      }
    };
  }

  /** @throws EngineError `SOURCE_CHANGED` with the file that was written to, replaced or removed */
  async refuseChanged(): Promise<void> {
    for (const [path, before] of this.#seen) {
      if ((await stateOf(path).catch(() => null)) !== before)
        throw new EngineError('SOURCE_CHANGED', { path: path.toString() });
    }
  }
}

/** @returns what tells a file from what it becomes when somebody writes to it or replaces it; null for a folder @throws EngineError `NOT_FOUND`, `PERMISSION_DENIED` */
export async function stateOfFile(path: FilePath): Promise<string | null> {
  const state = await statOf(path);
  return state.isDirectory() ? null : inWords(state);
}

const stateOf = async (path: FilePath): Promise<string> => inWords(await statOf(path));

const statOf = (path: FilePath) =>
  stat(path).catch((error) => {
    throw toEngineError(error);
  });

const inWords = ({ ino, size, mtimeMs }: Stats) => `${ino} ${size} ${mtimeMs}`;
