/** Every file that an image is read from, as it was when it was opened: a copy of something that changes meanwhile is of no moment at all. */
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

async function stateOf(path: FilePath): Promise<string> {
  const { ino, size, mtimeMs } = await stat(path).catch((error) => {
    throw toEngineError(error);
  });
  return `${ino} ${size} ${mtimeMs}`;
}
