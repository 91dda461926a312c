/** Pack files that stay open between reads. For worker threads: reads block. */
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { ownMemory } from '../core/aligned-memory.ts';
import { isInvalid, PAGE_BYTES } from '../core/direct-access.ts';
import { EngineError, ioError } from '../core/engine-error.ts';
import { CHUNK_ENTRY_BYTES, frameHeader, MAX_FRAME_CHUNKS, MAX_FRAME_STORED_BYTES } from './pack-format.ts';

const MAX_OPEN_PACKS = 16;
/** The longest frame, which neither begins nor ends a page. */
const MAX_READ_BYTES =
  frameHeader.size + MAX_FRAME_CHUNKS * CHUNK_ENTRY_BYTES + MAX_FRAME_STORED_BYTES + 2 * PAGE_BYTES;

interface OpenPack {
  readonly fd: number;
  /** past the page cache */
  readonly isDirect: boolean;
}

/** Where bytes come from: `medium` is past the page cache, as far as the file system has that. */
export type ReadFrom = 'cache' | 'medium';

export class OpenPacks {
  readonly #packs = new Map<string, OpenPack>();
  /** where bytes are read to; only what is used of it takes memory */
  readonly #inputs: { [from in ReadFrom]?: Buffer } = {};

  /**
   * @param lengthBytes of a frame at most
   * @returns the bytes; fewer where the pack ends; valid until the next call
   * @throws EngineError `CHUNK_MISSING` where the pack is gone; `READ_FAILED`, `PERMISSION_DENIED` where it cannot be opened; what the system says
   *   where it cannot be read
   */
  read(path: string, offsetBytes: number, lengthBytes: number, from: ReadFrom): Buffer {
    const pack = this.#open(path, from === 'medium');
    try {
      return this.#readFrom(pack, offsetBytes, lengthBytes);
    } catch (error) {
      if (!pack.isDirect || !isInvalid(error)) throw error;
      this.forget(path);
      return this.#readFrom(this.#open(path, false), offsetBytes, lengthBytes);
    }
  }

  /** Whether a part of a buffer lies where the next read goes. */
  owns(bytes: Buffer): boolean {
    return Object.values(this.#inputs).some((input) => bytes.buffer === input.buffer);
  }

  /** It may be another file tomorrow. */
  forget(path: string): void {
    for (const isDirect of [true, false]) {
      const key = keyOf(path, isDirect);
      const pack = this.#packs.get(key);
      this.#packs.delete(key);
      if (pack) closeSync(pack.fd);
    }
  }

  close(): void {
    for (const { fd } of this.#packs.values()) closeSync(fd);
    this.#packs.clear();
  }

  #readFrom({ fd, isDirect }: OpenPack, offsetBytes: number, lengthBytes: number): Buffer {
    const before = isDirect ? offsetBytes % PAGE_BYTES : 0;
    const needed = before + lengthBytes;
    const asked = isDirect ? Math.ceil(needed / PAGE_BYTES) * PAGE_BYTES : needed;
    const input = isDirect
      ? (this.#inputs.medium ??= Buffer.from(ownMemory(MAX_READ_BYTES)))
      : (this.#inputs.cache ??= Buffer.allocUnsafeSlow(MAX_READ_BYTES));
    let done = 0;
    while (done < needed) {
      const count = readSync(fd, input, done, asked - done, offsetBytes - before + done);
      if (count === 0) break;
      done += count;
    }
    return input.subarray(before, Math.min(done, needed));
  }

  #open(path: string, isDirect: boolean): OpenPack {
    const key = keyOf(path, isDirect);
    const known = this.#packs.get(key);
    if (known) return known;
    const opened = openPack(path, isDirect);
    if (this.#packs.size >= MAX_OPEN_PACKS) {
      const [oldest, { fd }] = this.#packs.entries().next().value!;
      closeSync(fd);
      this.#packs.delete(oldest);
    }
    this.#packs.set(key, opened);
    return opened;
  }
}

const keyOf = (path: string, isDirect: boolean) => `${isDirect ? 'medium' : 'cache'}:${path}`;

function openPack(path: string, wantsDirect: boolean): OpenPack {
  const direct = wantsDirect ? (constants.O_DIRECT ?? 0) : 0;
  try {
    return { fd: openSync(path, constants.O_RDONLY | direct), isDirect: direct !== 0 };
  } catch (cause) {
    if (direct !== 0 && isInvalid(cause)) return openPack(path, false);
    const isGone = ['ENOENT', 'ENOTDIR'].includes((cause as NodeJS.ErrnoException).code ?? '');
    throw isGone
      ? new EngineError('CHUNK_MISSING', { path }, '', { cause })
      : ioError(cause, 'READ_FAILED', { path, offsetBytes: 0 });
  }
}
