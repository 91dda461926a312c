/** Reads frames out of pack files, keeping open files and the last few decoded frames. For worker threads: reads block. */
import { closeSync, openSync, readSync } from 'node:fs';
import { EngineError, ioError } from '../core/engine-error.ts';
import { releaseMemory } from '../core/release-memory.ts';
import { decodeFramePayload } from './frame-codec.ts';
import {
  CHUNK_ENTRY_BYTES,
  decodeFrameHead,
  decodeFrameTable,
  FRAME_TARGET_BYTES,
  type FrameChunk,
  frameHeader,
  MAX_FRAME_CHUNKS,
  MAX_FRAME_STORED_BYTES,
} from './pack-format.ts';

/** Where a frame lies: what the index says of it. */
export interface FramePlace {
  readonly packPath: string;
  readonly offset: number;
  readonly headBytes: number;
  readonly storedBytes: number;
}

const MAX_OPEN_PACKS = 16;
/** Of those that read one window after the other. */
const MAX_CACHED_FRAMES = 3;

export class FrameReader {
  readonly #packs = new Map<string, number>();
  readonly #frames = new Map<string, Buffer>();
  /** where chunks begin in the frames that are kept, by their own tables */
  readonly #chunks = new Map<string, Map<number, FrameChunk>>();
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
    return this.#read(place).bytes;
  }

  /**
   * A chunk out of a frame, which must say itself that the chunk is there: the index alone is not believed.
   * @returns its bytes; valid until the next few calls
   * @throws EngineError as {@link read}; `CATALOG_DAMAGED` where index and frame disagree
   */
  readChunk(place: FramePlace, offsetInFrame: number, hash: Uint8Array): Buffer {
    const { bytes, key } = this.#read(place);
    const chunk = this.#chunks.get(key)!.get(offsetInFrame);
    if (!chunk || chunk.hash.compare(hash) !== 0) {
      throw new EngineError('CATALOG_DAMAGED', { path: place.packPath, reason: 'index' }, 'Run: diskpress repair');
    }
    return bytes.subarray(offsetInFrame, offsetInFrame + chunk.lengthBytes);
  }

  #read(place: FramePlace): { bytes: Buffer; key: string } {
    const key = `${place.packPath}:${place.offset}`;
    const cached = this.#frames.get(key);
    if (cached) {
      // the first is the one that was not used longest
      this.#frames.delete(key);
      this.#frames.set(key, cached);
      return { bytes: cached, key };
    }
    const { bytes: decoded, chunks } = this.readWhole(place);
    const bytes = decoded.buffer === this.#input.buffer ? Buffer.from(decoded) : decoded;
    if (this.#frames.size >= this.#maxFrames) {
      const [oldest, oldestBytes] = this.#frames.entries().next().value!;
      this.#frames.delete(oldest);
      this.#chunks.delete(oldest);
      releaseMemory(oldestBytes);
    }
    this.#frames.set(key, bytes);
    // the table lies in memory that the next call uses again
    const own = chunks.map((chunk) => [chunk.offset, { ...chunk, hash: Buffer.from(chunk.hash) }] as const);
    this.#chunks.set(key, new Map(own));
    return { bytes, key };
  }

  /**
   * Reads a frame with its own table, both checked against their checksums. Throws as {@link read} does.
   * The bytes are the caller's to release, and may lie in memory that the next call uses again.
   */
  readWhole(place: FramePlace): { bytes: Buffer; chunks: FrameChunk[]; table: Uint8Array } {
    const length = place.headBytes + place.storedBytes;
    if (!isPossibleFrame(place)) throw damagedFrame(place, 'frame place');
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
      const table = Uint8Array.from(whole.subarray(frameHeader.size, head.headBytes));
      return { chunks, table, bytes: decodeFramePayload(head, whole.subarray(head.headBytes)) };
    } catch (cause) {
      // it may be another file tomorrow
      this.#forget(place.packPath);
      // what the system cannot read now it may read tomorrow: that is no damage
      if ((cause as NodeJS.ErrnoException).syscall !== undefined) {
        throw ioError(cause, 'READ_FAILED', { path: place.packPath, offsetBytes: place.offset });
      }
      throw damagedFrame(
        place,
        cause instanceof EngineError ? String(cause.data.field) : (cause as Error).message,
        cause,
      );
    }
  }

  /** Gives back what {@link readWhole} returned. */
  release(bytes: Buffer): void {
    if (bytes.buffer !== this.#input.buffer) releaseMemory(bytes);
  }

  close(): void {
    for (const fd of this.#packs.values()) closeSync(fd);
    this.#packs.clear();
    for (const bytes of this.#frames.values()) releaseMemory(bytes);
    this.#frames.clear();
    this.#chunks.clear();
  }

  #forget(path: string): void {
    const fd = this.#packs.get(path);
    this.#packs.delete(path);
    if (fd !== undefined) closeSync(fd);
  }

  #open(path: string): number {
    const known = this.#packs.get(path);
    if (known !== undefined) return known;
    let fd: number;
    try {
      fd = openSync(path, 'r');
    } catch (cause) {
      const isGone = ['ENOENT', 'ENOTDIR'].includes((cause as NodeJS.ErrnoException).code ?? '');
      throw isGone
        ? new EngineError('CHUNK_MISSING', { path }, '', { cause })
        : ioError(cause, 'READ_FAILED', { path, offsetBytes: 0 });
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

/** The index may be damaged too: what it says is looked at before memory is taken for it. */
export function isPossibleFrame({ offset, headBytes, storedBytes }: FramePlace): boolean {
  const isWithin = (value: number, min: number, max: number) =>
    Number.isSafeInteger(value) && value >= min && value <= max;
  return (
    isWithin(offset, 0, Number.MAX_SAFE_INTEGER) &&
    isWithin(headBytes, frameHeader.size, frameHeader.size + MAX_FRAME_CHUNKS * CHUNK_ENTRY_BYTES) &&
    isWithin(storedBytes, 1, MAX_FRAME_STORED_BYTES)
  );
}

export function damagedFrame(place: FramePlace, reason: string, cause?: unknown): EngineError {
  return new EngineError('PACK_DAMAGED', { path: place.packPath, offsetBytes: place.offset, reason }, '', { cause });
}
