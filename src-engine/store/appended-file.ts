/**
 * A new file that is written from its beginning to its end, in large pieces past the page cache where its file system has that: what a
 * capture stores is not read again soon, and filling the cache with it takes more processor time than copying it once.
 */
import { constants } from 'node:fs';
import { open, rm, type FileHandle } from 'node:fs/promises';
import { ownMemory } from '../core/aligned-memory.ts';
import { isInvalid, openDirect } from '../core/direct-access.ts';
import { ioError } from '../core/engine-error.ts';

/** As much is written at a time. */
const PIECE_BYTES = 4 * 1024 * 1024;
/** Pieces that files have given back: two files may be under way, one of which is being ended. */
const MAX_SPARE = 2;
const spare: Buffer[] = [];

export class AppendedFile {
  readonly #path: string;
  readonly #root: string;
  readonly #handle: FileHandle;
  readonly #direct: FileHandle | null;
  readonly #piece = spare.pop() ?? Buffer.from(ownMemory(PIECE_BYTES));
  #filled = 0;
  #writtenBytes = 0;

  private constructor(path: string, root: string, handle: FileHandle, direct: FileHandle | null) {
    this.#path = path;
    this.#root = root;
    this.#handle = handle;
    this.#direct = direct;
  }

  /** @param path where nothing may be yet @param root what errors name: a person knows it */
  static async create(path: string, root: string): Promise<AppendedFile> {
    const handle = await open(path, 'wx');
    return new AppendedFile(path, root, handle, await openDirect(handle, constants.O_WRONLY));
  }

  get lengthBytes(): number {
    return this.#writtenBytes + this.#filled;
  }

  /** `bytes` may be reused once this returns. Calls must not overlap. @throws EngineError `DISK_FULL`, `WRITE_FAILED` */
  async append(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      const part = bytes.subarray(done, done + PIECE_BYTES - this.#filled);
      this.#piece.set(part, this.#filled);
      this.#filled += part.length;
      done += part.length;
      if (this.#filled === PIECE_BYTES) await this.#write();
    }
  }

  /** Makes it durable, and closes it. @throws EngineError `DISK_FULL`, `WRITE_FAILED` */
  async finish(): Promise<void> {
    await this.#write();
    await this.#handle.sync().catch((error) => this.#refuse(error));
    await this.#close();
  }

  /** Removes it. */
  async discard(): Promise<void> {
    await this.#close();
    await rm(this.#path, { force: true });
  }

  /** What is no whole piece goes through the cache. */
  async #write(): Promise<void> {
    const piece = this.#piece.subarray(0, this.#filled);
    const start = this.#writtenBytes;
    if (this.#direct && piece.length === PIECE_BYTES) {
      await this.#put(this.#direct, piece, start).catch((error) => isInvalid(error) || this.#refuse(error));
    }
    // all of it, or what is left where there are no direct writes after all
    await this.#put(this.#handle, piece, start).catch((error) => this.#refuse(error));
    this.#filled = 0;
  }

  async #put(to: FileHandle, piece: Buffer, start: number): Promise<void> {
    for (let at = this.#writtenBytes - start; at < piece.length; at = this.#writtenBytes - start) {
      const { bytesWritten } = await to.write(piece, at, piece.length - at, this.#writtenBytes);
      this.#writtenBytes += bytesWritten;
    }
  }

  #refuse(error: unknown): never {
    throw ioError(error, 'WRITE_FAILED', { path: this.#root, offsetBytes: this.#writtenBytes });
  }

  async #close(): Promise<void> {
    if (spare.length < MAX_SPARE && !spare.includes(this.#piece)) spare.push(this.#piece);
    await this.#direct?.close();
    await this.#handle.close();
  }
}
