/** What programs are to put into files of a guest, as files that they can open: without names, so that nothing of it stays behind. */
import { constants } from 'node:fs';
import { open, unlink, type FileHandle } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { piecesOf } from '../core/random-bytes.ts';
import type { KeptStart } from './kept-start.ts';
import { ioError } from '../core/engine-error.ts';

const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;

export class ContentFiles {
  readonly #handles: FileHandle[] = [];

  get descriptors(): number[] {
    return this.#handles.map(({ fd }) => fd);
  }

  /**
   * @param kept what stands before the bytes
   * @returns its place among {@link descriptors}
   * @throws EngineError `DISK_FULL`, `WRITE_FAILED`; what reading `kept` throws
   */
  async add(bytes: Uint8Array, kept: KeptStart | null = null): Promise<number> {
    const path = join(tmpdir(), `diskpress-content-${randomUUID()}`);
    try {
      const handle = await open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
      this.#handles.push(handle);
      await unlink(path);
      // each call goes on where the one before it ended
      if (kept) for await (const piece of piecesOf(kept, kept.lengthBytes)) await handle.writeFile(piece);
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
