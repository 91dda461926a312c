/** Reads frames out of pack files, keeping open files and the last few decoded frames. For worker threads: reads block. */
import { EngineError, ioError } from '../core/engine-error.ts';
import { releaseMemory } from '../core/release-memory.ts';
import { checkedPayload, decodeFramePayload } from './frame-codec.ts';
import { OpenPacks, type ReadFrom } from './open-packs.ts';
import {
  CHUNK_ENTRY_BYTES,
  decodeFrameHead,
  decodeFrameTable,
  type FrameChunk,
  frameHeader,
  headSum,
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

/** Of those that read one window after the other. */
const MAX_CACHED_FRAMES = 3;

export class FrameReader {
  readonly #packs = new OpenPacks();
  readonly #frames = new Map<string, Buffer>();
  /** where chunks begin in the frames that are kept, by their own tables */
  readonly #chunks = new Map<string, Map<number, FrameChunk>>();
  readonly #maxFrames: number;

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
    const bytes = this.#packs.owns(decoded) ? Buffer.from(decoded) : decoded;
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
  readWhole(place: FramePlace, from: ReadFrom = 'cache'): { bytes: Buffer; chunks: FrameChunk[]; table: Uint8Array } {
    return this.#tryFrame(place, () => {
      const { head, headBytes, payload } = this.#readStored(place, from);
      const chunks = decodeFrameTable(headBytes);
      const table = Uint8Array.from(headBytes.subarray(frameHeader.size));
      return { chunks, table, bytes: decodeFramePayload(head, payload) };
    });
  }

  /**
   * Compares a frame on the medium with the checksums that were taken of it when it was made; it is not unpacked.
   * @param made {@link headSum} of its head, which has the checksums of its table and its payload in it
   * @throws EngineError as {@link read}
   */
  compareStored(place: FramePlace, made: number): void {
    this.#tryFrame(place, () => {
      const { head, headBytes, payload } = this.#readStored(place, 'medium');
      if (headSum(headBytes) !== made) throw new EngineError('FORMAT_INVALID', { field: 'frame header' });
      decodeFrameTable(headBytes);
      checkedPayload(head, payload);
    });
  }

  #readStored(place: FramePlace, from: ReadFrom) {
    const length = place.headBytes + place.storedBytes;
    const whole = this.#packs.read(place.packPath, place.offset, length, from);
    if (whole.length < length) throw new EngineError('FORMAT_INVALID', { field: 'pack length' });
    const head = decodeFrameHead(whole);
    if (head.headBytes !== place.headBytes || head.storedBytes !== place.storedBytes) {
      throw new EngineError('FORMAT_INVALID', { field: 'frame header' });
    }
    return { head, headBytes: whole.subarray(0, head.headBytes), payload: whole.subarray(head.headBytes) };
  }

  #tryFrame<T>(place: FramePlace, read: () => T): T {
    if (!isPossibleFrame(place)) throw damagedFrame(place, 'frame place');
    try {
      return read();
    } catch (cause) {
      this.#packs.forget(place.packPath);
      // what cannot be opened has been told
      if (cause instanceof EngineError && cause.code !== 'FORMAT_INVALID') throw cause;
      // what the system cannot read now it may read tomorrow: that is no damage
      if ((cause as NodeJS.ErrnoException).syscall !== undefined) {
        throw ioError(cause, 'READ_FAILED', { path: place.packPath, offsetBytes: place.offset });
      }
      const reason = cause instanceof EngineError ? String(cause.data.field) : (cause as Error).message;
      throw damagedFrame(place, reason, cause);
    }
  }

  /** Gives back what {@link readWhole} returned. */
  release(bytes: Buffer): void {
    if (!this.#packs.owns(bytes)) releaseMemory(bytes);
  }

  close(): void {
    this.#packs.close();
    for (const bytes of this.#frames.values()) releaseMemory(bytes);
    this.#frames.clear();
    this.#chunks.clear();
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
