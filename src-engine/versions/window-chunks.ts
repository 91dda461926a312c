/** From a manifest's window to places: which chunk goes where, and in which frame it lies. */
import { EngineError } from '../core/engine-error.ts';
import type { ChunkIndex } from '../store/chunk-index.ts';
import { isZeroHash, type WindowRecord } from '../store/manifest-format.ts';
import { HASH_BYTES } from '../store/pack-format.ts';
import type { ChunkPlace } from '../store/press.ts';

/**
 * @returns every chunk of the window with its pieces, in order
 * @throws EngineError `CHUNK_MISSING` where the store no longer has one, `MANIFEST_DAMAGED` where lengths disagree
 */
export function chunksOf(index: ChunkIndex, record: WindowRecord): ChunkPlace[] {
  return Array.from(piecesOf(record), ([i, pieces]) => chunkOf(index, record, i, pieces));
}

/** One of them. @param i its number @param pieces of {@link piecesOf}; left out: only its place in the store counts @throws EngineError as {@link chunksOf} */
export function chunkOf(
  index: ChunkIndex,
  { lengths, hashes }: WindowRecord,
  i: number,
  pieces: readonly number[] = [],
): ChunkPlace {
  const hash = hashes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES);
  if (isZeroHash(hashes, i)) return { lengthBytes: lengths[i], pieces, frame: null, offsetInFrame: 0, hash };
  const found = index.place(hash);
  if (!found) throw new EngineError('CHUNK_MISSING', { chunk: Buffer.from(hash).toString('hex') });
  const { chunk, frame } = found;
  if (chunk.lengthBytes !== lengths[i]) throw new EngineError('MANIFEST_DAMAGED', { path: '', reason: 'chunk length' });
  // the same object for every chunk of a frame: a message to another thread then carries it once
  return { lengthBytes: lengths[i], pieces, frame, offsetInFrame: chunk.offsetInFrame, hash };
}

/** A run of bytes of a window that lies in one chunk. */
export interface ChunkPiece {
  /** the chunk's number in the window */
  readonly chunk: number;
  /** where in the chunk */
  readonly from: number;
  /** where in the window */
  readonly start: number;
  readonly lengthBytes: number;
}

/** What of a window's used bytes lies in a range of it, in order. */
export function* piecesIn({ extents, lengths }: WindowRecord, low: number, high: number): Generator<ChunkPiece> {
  let chunk = 0;
  let taken = 0;
  for (let run = 0; run < extents.length && extents[run] < high; run += 2) {
    const end = extents[run] + extents[run + 1];
    for (let at = extents[run]; at < end;) {
      const length = Math.min(lengths[chunk] - taken, end - at);
      const start = Math.max(at, low);
      const lengthBytes = Math.min(at + length, high) - start;
      if (lengthBytes > 0) yield { chunk, from: taken + start - at, start, lengthBytes };
      at += length;
      taken += length;
      if (taken === lengths[chunk]) {
        chunk++;
        taken = 0;
      }
    }
  }
}

/** Each chunk of a window with its pieces: start and length, one after the other. */
export function* piecesOf(record: WindowRecord): Generator<[chunk: number, pieces: number[]]> {
  let current = 0;
  let pieces: number[] = [];
  for (const { chunk, start, lengthBytes } of piecesIn(record, 0, Infinity)) {
    if (chunk !== current) {
      yield [current, pieces];
      current = chunk;
      pieces = [];
    }
    pieces.push(start, lengthBytes);
  }
  if (pieces.length > 0) yield [current, pieces];
}
