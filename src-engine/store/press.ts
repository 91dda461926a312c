/**
 * The heavy work of the store, run in worker threads: cutting, hashing, compressing, unpacking, checking. The engine thread
 * reads and writes disks and keeps the index; windows pass between them in shared memory, without a copy.
 */
import { hash as hashOf } from 'node:crypto';
import { EngineError } from '../core/engine-error.ts';
import { packClusters, type ClusterCodec } from '../core/pack-clusters.ts';
import { cutWindow, WINDOW_BYTES, type CutChunk } from './chunking.ts';
import { looksIncompressible } from './entropy.ts';
import { encodeFrame, storedFrame } from './frame-codec.ts';
import { FrameReader, type FramePlace } from './frame-reader.ts';
import { isZeroHash } from './manifest-format.ts';
import type { ReadFrom } from './open-packs.ts';
import {
  CHUNK_ENTRY_BYTES,
  FRAME_TARGET_BYTES,
  HASH_BYTES,
  MAX_FRAME_CHUNKS,
  MAX_FRAME_RAW_BYTES,
  type Frame,
} from './pack-format.ts';
import type { ErrorView } from '../contract/errors.ts';

/** A chunk of a window and where its bytes are. */
export interface ChunkPlace {
  readonly lengthBytes: number;
  /** `(start, length)` pairs relative to the window */
  readonly pieces: readonly number[];
  /** its name */
  readonly hash: Uint8Array;
  /** the frame that holds it and the offset in the frame's bytes; null for zeros */
  readonly frame: FramePlace | null;
  readonly offsetInFrame: number;
}

export type PressRequest =
  /** cut a window and hash its chunks; they are kept until `keep` says which are wanted */
  | {
      kind: 'cut';
      window: number;
      memory: SharedArrayBuffer;
      extents: Uint32Array;
      unitBytes: number;
      /** how many of the extents belong together, one after the other: no chunk goes from one lot to the next; left out: all do */
      lots?: Uint32Array;
    }
  /** compress the wanted ones into frames: one flag for each chunk */
  | { kind: 'keep'; window: number; wanted: Uint8Array; level: number }
  /** compress what is left over */
  | { kind: 'flush'; level: number }
  /** fill a window, which begins at `base` of the memory, from frames */
  | { kind: 'expand'; memory: SharedArrayBuffer; base: number; chunks: readonly ChunkPlace[] }
  /** hash a window's chunks again and compare with their names */
  | { kind: 'compare'; memory: SharedArrayBuffer; base: number; chunks: readonly ChunkPlace[] }
  /** read a frame and hash every chunk in it */
  | { kind: 'audit'; place: FramePlace; from: ReadFrom }
  /** read a frame from the medium and compare it with its checksums, as they were when it was made */
  | { kind: 'recheck'; place: FramePlace; headSum: number }
  /** press the chunks at these offsets of a frame into new frames (prune) */
  | { kind: 'repack'; place: FramePlace; offsets: Uint32Array; level: number }
  /** compress clusters of an image; their memory changes hands, and comes back with the reply */
  | { kind: 'pack'; codec: ClusterCodec; memory: Uint8Array; clusterBytes: number }
  /** forget what is there of the job, and what was read of packs */
  | { kind: 'close' };

export interface CutResult {
  readonly hashes: Uint8Array;
  readonly lengths: Uint32Array;
  /** 1 for a chunk of zeros */
  readonly zeros: Uint8Array;
}

export type PressReply =
  | { kind: 'cut'; result: CutResult; frames: Frame[] }
  | { kind: 'done'; frames: Frame[] }
  /** the table of a frame whose chunks are all what it says */
  | { kind: 'audited'; table: Uint8Array }
  /** which of the chunks are not what they should be, ascending */
  | { kind: 'compared'; wrong: number[] }
  | { kind: 'packed'; memory: Uint8Array; lengths: Uint32Array }
  | { kind: 'error'; error: ErrorView };

/** Chunks on their way into a frame. */
class OpenFrame {
  readonly #bytes = Buffer.allocUnsafeSlow(MAX_FRAME_RAW_BYTES);
  readonly #table = Buffer.allocUnsafeSlow(MAX_FRAME_CHUNKS * CHUNK_ENTRY_BYTES);
  #length = 0;
  #tableLength = 0;
  readonly #isCompressed: boolean;

  constructor(isCompressed: boolean) {
    this.#isCompressed = isCompressed;
  }

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  get isFull(): boolean {
    return this.#length >= FRAME_TARGET_BYTES || this.#tableLength === this.#table.length;
  }

  add(hash: Uint8Array, window: Uint8Array, pieces: readonly number[]): void {
    const start = this.#length;
    for (let p = 0; p < pieces.length; p += 2) {
      this.#bytes.set(window.subarray(pieces[p], pieces[p] + pieces[p + 1]), this.#length);
      this.#length += pieces[p + 1];
    }
    this.#table.set(hash, this.#tableLength);
    this.#table.writeUInt32LE(this.#length - start, this.#tableLength + HASH_BYTES);
    this.#tableLength += CHUNK_ENTRY_BYTES;
  }

  clear(): void {
    this.#length = 0;
    this.#tableLength = 0;
  }

  take(level: number): Frame {
    const bytes = this.#bytes.subarray(0, this.#length);
    const table = Uint8Array.from(this.#table.subarray(0, this.#tableLength));
    this.clear();
    return this.#isCompressed ? encodeFrame(bytes, table, level) : storedFrame(bytes, table);
  }
}

interface CutWindow {
  readonly memory: Buffer;
  readonly chunks: CutChunk[];
  readonly hashes: Uint8Array;
}

/** One press for each worker thread, for all jobs of the engine. */
export class Press {
  /** that wait to be kept, by job and number */
  readonly #windows = new Map<number, Map<number, CutWindow>>();
  /** whose chunks are in the open frames */
  #owner: number | null = null;
  readonly #compressed = new OpenFrame(true);
  readonly #stored = new OpenFrame(false);
  readonly #reader = new FrameReader();
  readonly #scratch = Buffer.allocUnsafeSlow(WINDOW_BYTES);

  /** @param job whose windows and frames it is about */
  handle(job: number, request: PressRequest): PressReply {
    switch (request.kind) {
      case 'cut':
        return this.#cut(job, request);
      case 'keep':
        return { kind: 'done', frames: this.#keep(job, request.window, request.wanted, request.level) };
      case 'flush':
        return { kind: 'done', frames: this.#flush(job, request.level) };
      case 'expand':
        this.#expand(Buffer.from(request.memory, request.base), request.chunks);
        return { kind: 'done', frames: [] };
      case 'compare':
        return {
          kind: 'compared',
          wrong: this.#compare(Buffer.from(request.memory, request.base), request.chunks),
        };
      case 'audit':
        return { kind: 'audited', table: this.#audit(request.place, request.from) };
      case 'recheck':
        this.#reader.compareStored(request.place, request.headSum);
        return { kind: 'done', frames: [] };
      case 'repack':
        this.#fill(job);
        return { kind: 'done', frames: this.#repack(request.place, request.offsets, request.level) };
      case 'pack': {
        const { codec, memory, clusterBytes } = request;
        return { kind: 'packed', memory, lengths: packClusters(codec, memory, clusterBytes) };
      }
      case 'close':
        this.#windows.delete(job);
        if (this.#owner === job) this.#empty();
        this.#reader.close();
        return { kind: 'done', frames: [] };
    }
  }

  #cut(job: number, request: Extract<PressRequest, { kind: 'cut' }>): PressReply {
    const { window, extents, unitBytes, lots = [extents.length / 2] } = request;
    const memory = Buffer.from(request.memory);
    const chunks: CutChunk[] = [];
    let first = 0;
    for (const count of lots) {
      chunks.push(...cutWindow(memory, extents.subarray(first, first + 2 * count), unitBytes));
      first += 2 * count;
    }
    const hashes = new Uint8Array(chunks.length * HASH_BYTES);
    const lengths = new Uint32Array(chunks.length);
    const zeros = new Uint8Array(chunks.length);
    chunks.forEach((chunk, i) => {
      lengths[i] = chunk.lengthBytes;
      zeros[i] = chunk.isZero ? 1 : 0;
      if (!chunk.isZero) hashes.set(this.#hash(memory, chunk.pieces, chunk.lengthBytes), i * HASH_BYTES);
    });
    if (!this.#windows.has(job)) this.#windows.set(job, new Map());
    this.#windows.get(job)!.set(window, { memory, chunks, hashes });
    return { kind: 'cut', result: { hashes, lengths, zeros }, frames: [] };
  }

  #keep(job: number, window: number, wanted: Uint8Array, level: number): Frame[] {
    this.#fill(job);
    const { memory, chunks, hashes } = this.#windows.get(job)!.get(window)!;
    this.#windows.get(job)!.delete(window);
    const frames: Frame[] = [];
    chunks.forEach((chunk, i) => {
      if (!wanted[i]) return;
      const first = memory.subarray(chunk.pieces[0], chunk.pieces[0] + chunk.pieces[1]);
      this.#press(hashes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES), memory, chunk.pieces, first, level, frames);
    });
    return frames;
  }

  #press(
    hash: Uint8Array,
    memory: Buffer,
    pieces: readonly number[],
    sample: Buffer,
    level: number,
    frames: Frame[],
  ): void {
    const frame = looksIncompressible(sample) ? this.#stored : this.#compressed;
    frame.add(hash, memory, pieces);
    if (frame.isFull) frames.push(frame.take(level));
  }

  /** The open frames are of one job: who asks has had the other's flushed. */
  #fill(job: number): void {
    if (this.#owner !== null && this.#owner !== job && !(this.#compressed.isEmpty && this.#stored.isEmpty)) {
      throw new EngineError('INTERNAL', { reason: 'open frames of another job' });
    }
    this.#owner = job;
  }

  #empty(): void {
    this.#compressed.clear();
    this.#stored.clear();
    this.#owner = null;
  }

  #flush(job: number, level: number): Frame[] {
    if (this.#owner !== job) return [];
    this.#owner = null;
    return [this.#compressed, this.#stored].filter((frame) => !frame.isEmpty).map((frame) => frame.take(level));
  }

  #expand(memory: Buffer, chunks: readonly ChunkPlace[]): void {
    for (const chunk of chunks) {
      let from = 0;
      const bytes = chunk.frame && this.#reader.readChunk(chunk.frame, chunk.offsetInFrame, chunk.hash);
      if (bytes && bytes.length !== chunk.lengthBytes) {
        throw new EngineError('PACK_DAMAGED', {
          path: chunk.frame!.packPath,
          offsetBytes: chunk.frame!.offset,
          reason: 'chunk length',
        });
      }
      for (let p = 0; p < chunk.pieces.length; p += 2) {
        const [start, length] = [chunk.pieces[p], chunk.pieces[p + 1]];
        if (bytes) bytes.copy(memory, start, from, from + length);
        else memory.fill(0, start, start + length);
        from += length;
      }
    }
  }

  #compare(memory: Buffer, chunks: readonly ChunkPlace[]): number[] {
    return chunks.flatMap(({ hash, pieces, lengthBytes }, i) => {
      const isEqual = isZeroHash(hash, 0)
        ? isZero(memory, pieces)
        : Buffer.compare(this.#hash(memory, pieces, lengthBytes), hash) === 0;
      return isEqual ? [] : [i];
    });
  }

  #audit(place: FramePlace, from: ReadFrom): Uint8Array {
    const { bytes, chunks, table } = this.#reader.readWhole(place, from);
    for (const { hash, offset, lengthBytes } of chunks) {
      if (hashOf('sha256', bytes.subarray(offset, offset + lengthBytes), 'buffer').compare(hash) !== 0) {
        throw new EngineError('PACK_DAMAGED', {
          path: place.packPath,
          offsetBytes: place.offset,
          reason: 'chunk hash',
        });
      }
    }
    this.#reader.release(bytes);
    return table;
  }

  #repack(place: FramePlace, offsets: Uint32Array, level: number): Frame[] {
    const { bytes, chunks } = this.#reader.readWhole(place);
    const wanted = new Set(offsets);
    const frames: Frame[] = [];
    for (const { hash, offset, lengthBytes } of chunks) {
      if (!wanted.has(offset)) continue;
      const chunk = bytes.subarray(offset, offset + lengthBytes);
      if (hashOf('sha256', chunk, 'buffer').compare(hash) !== 0) {
        throw new EngineError('PACK_DAMAGED', {
          path: place.packPath,
          offsetBytes: place.offset,
          reason: 'chunk hash',
        });
      }
      this.#press(hash, bytes, [offset, lengthBytes], chunk, level, frames);
    }
    this.#reader.release(bytes);
    return frames;
  }

  /** SHA-256 of a chunk; one that lies in several pieces is put together first: one call is faster than many updates. */
  #hash(memory: Buffer, pieces: readonly number[], lengthBytes: number): Buffer {
    if (pieces.length === 2) return hashOf('sha256', memory.subarray(pieces[0], pieces[0] + pieces[1]), 'buffer');
    let at = 0;
    for (let p = 0; p < pieces.length; p += 2) {
      memory.copy(this.#scratch, at, pieces[p], pieces[p] + pieces[p + 1]);
      at += pieces[p + 1];
    }
    return hashOf('sha256', this.#scratch.subarray(0, lengthBytes), 'buffer');
  }
}

const ZEROS = Buffer.alloc(64 * 1024);

function isZero(memory: Buffer, pieces: readonly number[]): boolean {
  for (let p = 0; p < pieces.length; p += 2) {
    const end = pieces[p] + pieces[p + 1];
    for (let at = pieces[p]; at < end; at += ZEROS.length) {
      const length = Math.min(ZEROS.length, end - at);
      if (memory.compare(ZEROS, 0, length, at, at + length) !== 0) return false;
    }
  }
  return true;
}
