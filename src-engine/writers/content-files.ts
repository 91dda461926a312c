/** What programs are to put into files of a guest, as files that they can open: without names, so that nothing of it stays behind. */
import { constants } from 'node:fs';
import { open, unlink, type FileHandle } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ioError } from '../core/engine-error.ts';

const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;

export class ContentFiles {
  readonly #handles: FileHandle[] = [];

  get descriptors(): number[] {
    return this.#handles.map(({ fd }) => fd);
  }

  /** @returns its place among {@link descriptors} @throws EngineError `DISK_FULL`, `WRITE_FAILED` */
  async add(bytes: Uint8Array): Promise<number> {
    const path = join(tmpdir(), `diskpress-content-${randomUUID()}`);
    try {
      const handle = await open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
      this.#handles.push(handle);
      await unlink(path);
      await handle.writeFile(bytes);
      return this.#handles.length - 1;
    } catch (error) {
      throw ioError(error, 'WRITE_FAILED', { path });
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#handles.splice(0).map((handle) => handle.close()));
  }
}
