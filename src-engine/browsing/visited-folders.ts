/** A folder has one name. One that comes a second time is damage, and a walk through it might have no end. */
import { EngineError } from '../core/engine-error.ts';
import type { FileNode } from '../filesystems/file-tree.port.ts';

const MAX_FOLDERS = 2_000_000;

export class VisitedFolders {
  readonly #ids = new Set<string>();

  /**
   * @returns whether the folder was not there before
   * @throws EngineError `FORMAT_UNSUPPORTED` where there are more folders than can be kept in mind
   */
  isNew({ id }: FileNode): boolean {
    if (this.#ids.has(id)) return false;
    if (this.#ids.size >= MAX_FOLDERS) {
      throw new EngineError('FORMAT_UNSUPPORTED', { feature: `more than ${MAX_FOLDERS} folders` });
    }
    this.#ids.add(id);
    return true;
  }
}
