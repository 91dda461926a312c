/** Reads frames out of pack files, keeping open files and the last few decoded frames. For worker threads: reads block. */
import { closeSync, openSync, readSync } from 'node:fs';
import { EngineError, ioError } from '../core/engine-error.ts';
import { releaseMemory } from '../core/release-memory.ts';
import { decodeFramePayload } from './frame-codec.ts';
import { FRAME_TARGET_BYTES, decodeFrameHead, decodeFrameTable, type FrameChunk } from './pack-format.ts';

/** Where a frame lies: what the index says of it. */
export interface FramePlace {
  readonly packPath: string;
  readonly offset: number;
  readonly headBytes: number;
  readonly storedBytes: number;
}

const MAX_OPEN_PACKS = 16;
/** Of those that read one window after the other. */
const MAX_CACHED_FRAMES = 4;

export class FrameReader {
  readonly #packs = new Map<string, number>();
  readonly #frames = new Map<string, Buffer>();
  readonly #maxFrames: number;
  #input = Buffer.allocUnsafeSlow(FRAME_TARGET_BYTES);

  /** @param maxFrames how many decoded frames are kept, of 4 MiB each */
  constructor(maxFrames = MAX_CACHED_FRAMES) {
    this.#maxFrames = maxFrames;
  }

  /**
   * @returns the frame's uncompressed bytes; valid until the next few calls
   * @throws EngineError `PACK_DAMAGED` with the pack and what is wrong; `CHUNK_MISSING` where the pack is gone
   */
  read(place: FramePlace): Buffer {
    const key = `${place.packPath}:${place.offset}`;
    const cached = this.#frames.get(key);
    if (cached) {
      // the first is the one that was not used longest
      this.#frames.delete(key);
      this.#frames.set(key, cached);
      return cached;
    }
    const decoded = this.readWhole(place).bytes;
    const bytes = decoded.buffer === this.#input.buffer ? Buffer.from(decoded) : decoded;
    if (this.#frames.size >= this.#maxFrames) {
      const [oldest, oldestBytes] = this.#frames.entries().next().value!;
      this.#frames.delete(oldest);
      releaseMemory(oldestBytes);
    }
    this.#frames.set(key, bytes);
    return bytes;
  }

  /**
   * Reads a frame with its own table, both checked against their checksums. Throws as {@link read} does.
   * The bytes are the caller's to release, and may lie in memory that the next call uses again.
   */
  readWhole(place: FramePlace): { bytes: Buffer; chunks: FrameChunk[] } {
    const length = place.headBytes + place.storedBytes;
    if (length > this.#input.length) this.#input = Buffer.allocUnsafeSlow(length);
    const whole = this.#input.subarray(0, length);
    const fd = this.#open(place.packPath);
    try {
      for (let done = 0; done < whole.length;) {
        const count = readSync(fd, whole, done, whole.length - done, place.offset + done);
        if (count === 0) throw new EngineError('FORMAT_INVALID', { field: 'pack length' });
        done += count;
      }
      const head = decodeFrameHead(whole);
      if (head.headBytes !== place.headBytes || head.storedBytes !== place.storedBytes) {
        throw new EngineError('FORMAT_INVALID', { field: 'frame header' });
      }
      const chunks = decodeFrameTable(whole.subarray(0, head.headBytes));
      return { chunks, bytes: decodeFramePayload(head, whole.subarray(head.headBytes)) };
    } catch (cause) {
      const reason = cause instanceof EngineError ? String(cause.data.field) : String((cause as Error).message);
      throw new EngineError('PACK_DAMAGED', { path: place.packPath, offsetBytes: place.offset, reason }, '', { cause });
    }
  }

  /** Gives back what {@link readWhole} returned. */
  release(bytes: Buffer): void {
    if (bytes.buffer !== this.#input.buffer) releaseMemory(bytes);
  }

  close(): void {
    for (const fd of this.#packs.values()) closeSync(fd);
    this.#packs.clear();
    this.#frames.clear();
  }

  #open(path: string): number {
    const known = this.#packs.get(path);
    if (known !== undefined) return known;
    let fd: number;
    try {
      fd = openSync(path, 'r');
    } catch (cause) {
      const isGone = (cause as NodeJS.ErrnoException).code === 'ENOENT';
      throw isGone
        ? new EngineError('CHUNK_MISSING', { path }, '', { cause })
        : ioError(cause, 'READ_FAILED', { path });
    }
    if (this.#packs.size >= MAX_OPEN_PACKS) {
      const [oldest, oldestFd] = this.#packs.entries().next().value!;
      closeSync(oldestFd);
      this.#packs.delete(oldest);
    }
    this.#packs.set(path, fd);
    return fd;
  }
}
