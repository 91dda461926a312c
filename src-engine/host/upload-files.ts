/** Names of files that a page sends, and the files themselves. A name is what a browser said of a stranger's file: it is checked before it is a path. */
import { mkdir, open, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { safeName } from '../browsing/safe-name.ts';
import { MAX_UPLOAD_DEPTH, MAX_UPLOAD_FILES, type UploadFault, type UploadFile } from '../contract/upload.contract.ts';
import { EngineError, toEngineError } from '../core/engine-error.ts';

/**
 * @returns the name of the one file, or of the folder that all of them are in
 * @throws EngineError `UPLOAD_REFUSED`
 */
export function refuseUnsafe(files: readonly UploadFile[]): string {
  if (files.length === 0) throw refused('none');
  if (files.length > MAX_UPLOAD_FILES) throw refused('many', { count: files.length, most: MAX_UPLOAD_FILES });
  const [top] = files[0].path.split('/');
  const seen = new Set<string>();
  for (const { path } of files) {
    const steps = path.split('/');
    if (steps.length > MAX_UPLOAD_DEPTH) throw refused('deep', { name: path, most: MAX_UPLOAD_DEPTH });
    // a name that would have to be changed is of no use either: other files of the same folder name it
    if (steps.some((step) => step.includes('\\') || safeName(step) !== step)) throw refused('name', { name: path });
    if (steps[0] !== top || (files.length > 1 && steps.length === 1)) throw refused('name', { name: path });
    if (seen.has(path)) throw refused('twice', { name: path });
    seen.add(path);
  }
  return top;
}

export const refused = (reason: UploadFault, data: { name?: string; count?: number; most?: number } = {}) =>
  new EngineError('UPLOAD_REFUSED', { reason, ...data });

/** One file on its way: written from its start to its end. */
export class ArrivingFile {
  readonly #path: string;
  readonly #lengthBytes: number;
  #handle: FileHandle | null = null;
  #writtenBytes = 0;

  private constructor(path: string, lengthBytes: number) {
    this.#path = path;
    this.#lengthBytes = lengthBytes;
  }

  /** @param folder in which its path lies; nobody else writes there @throws EngineError `UPLOAD_REFUSED` where a file and a folder have one name */
  static async begin(folder: string, { path, lengthBytes }: UploadFile): Promise<ArrivingFile> {
    const file = new ArrivingFile(join(folder, path), lengthBytes);
    try {
      await mkdir(dirname(file.#path), { recursive: true, mode: 0o700 });
      await (await open(file.#path, 'wx', 0o600)).close();
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EEXIST' || code === 'ENOTDIR' || code === 'EISDIR') throw refused('twice', { name: path });
      throw toEngineError(error, file.#path);
    }
    return file;
  }

  get leftBytes(): number {
    return this.#lengthBytes - this.#writtenBytes;
  }

  /** @throws EngineError `BAD_REQUEST` for what does not follow what is there; `DISK_FULL`, `WRITE_FAILED` */
  async write(offsetBytes: number, piece: Uint8Array): Promise<void> {
    if (offsetBytes !== this.#writtenBytes || piece.length === 0 || piece.length > this.leftBytes)
      throw new EngineError('BAD_REQUEST', { path: this.#path, reason: 'out of order' });
    try {
      this.#handle ??= await open(this.#path, 'r+');
      for (let at = 0; at < piece.length;)
        at += (await this.#handle.write(piece, at, piece.length - at, offsetBytes + at)).bytesWritten;
      this.#writtenBytes += piece.length;
      if (this.leftBytes === 0) await this.close();
    } catch (error) {
      throw toEngineError(error, this.#path);
    }
  }

  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = null;
    await handle?.close();
  }
}
