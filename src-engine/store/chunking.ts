/**
 * Where a window of a volume is cut into chunks. FORMAT.md, "Chunks", has the reasons and the measurements.
 *
 * The used bytes of a window, in order, are cut at block boundaries: a cut follows a block the CRC-32 of whose
 * first KiB has its low bits clear, once the chunk has the least length, and latest at the greatest. The same content is so found again wherever it
 * lies. Long runs of zero blocks become zero chunks, which are never stored.
 */
import { crc32 } from 'node:zlib';

/** Volumes are worked on in windows of this many bytes; a chunk never crosses one. */
export const WINDOW_BYTES = 8 * 1024 * 1024;
/** Largest unit that a cut looks at; larger file-system blocks are looked at in pieces of it. */
export const MAX_UNIT_BYTES = 4096;

export const MIN_CHUNK_BYTES = 16 * 1024;
export const MAX_CHUNK_BYTES = 256 * 1024;
/** A cut follows one in eight blocks of 4 KiB: with the least length, 48 KiB on average. */
const CUT_MASK = 0x07;
/** A cut looks at this much of a block: as good as the whole, and a quarter of the work. */
export const LOOK_BYTES = 1024;
/** Zeros shorter than this stay inside their chunk. */
const MIN_ZERO_BYTES = 32 * 1024;

const ZEROS = Buffer.alloc(MAX_UNIT_BYTES);

/** Runs of used bytes in a window, as pairs (start, length) relative to the window. */
export type WindowExtents = Uint32Array;

/** A chunk: `pieces` are its (start, length) pairs in the window. */
export interface CutChunk {
  readonly lengthBytes: number;
  readonly isZero: boolean;
  readonly pieces: number[];
}

/**
 * @param window bytes at their places in the window
 * @param extents the used ones
 * @param unitBytes the volume's block size, at most 4096
 */
export function cutWindow(window: Buffer, extents: WindowExtents, unitBytes: number): CutChunk[] {
  const chunks: CutChunk[] = [];
  let pieces: number[] = [];
  let length = 0;
  // the run of zero units that the open chunk ends with
  let zeroLength = 0;
  const mask =
    unitBytes >= MAX_UNIT_BYTES ? CUT_MASK : CUT_MASK * (MAX_UNIT_BYTES / unitBytes) + (MAX_UNIT_BYTES / unitBytes - 1);

  const add = (to: number[], start: number, bytes: number) => {
    const last = to.length - 2;
    if (last >= 0 && to[last] + to[last + 1] === start) to[last + 1] += bytes;
    else to.push(start, bytes);
  };
  const close = () => {
    if (length === 0) return;
    chunks.push({ lengthBytes: length, isZero: zeroLength === length, pieces });
    pieces = [];
    length = 0;
    zeroLength = 0;
  };

  for (let e = 0; e < extents.length; e += 2) {
    const end = extents[e] + extents[e + 1];
    for (let at = extents[e]; at < end; at += unitBytes) {
      const bytes = Math.min(unitBytes, end - at);
      const isZero = window[at] === 0 && window.compare(ZEROS, 0, bytes, at, at + bytes) === 0;

      if (isZero) {
        if (length > 0 && zeroLength + bytes >= MIN_ZERO_BYTES && zeroLength < length) {
          // enough zeros: what came before them is a chunk of its own, and the zeros begin the next
          const zeroPieces = splitTail(pieces, zeroLength);
          const zeros = zeroLength;
          length -= zeroLength;
          zeroLength = 0;
          close();
          pieces = zeroPieces;
          length = zeros;
          zeroLength = zeros;
        }
        add(pieces, at, bytes);
        length += bytes;
        zeroLength += bytes;
        if (zeroLength < length && length >= MAX_CHUNK_BYTES) close();
        continue;
      }
      if (length > 0 && zeroLength === length && zeroLength >= MIN_ZERO_BYTES) close();
      zeroLength = 0;
      add(pieces, at, bytes);
      length += bytes;
      if (
        length >= MAX_CHUNK_BYTES ||
        (length >= MIN_CHUNK_BYTES && (crc32(window.subarray(at, at + Math.min(bytes, LOOK_BYTES))) & mask) === 0)
      )
        close();
    }
  }
  close();
  return chunks;
}

/** Takes the last `tailBytes` off a list of pieces and returns them as a list of their own. */
function splitTail(pieces: number[], tailBytes: number): number[] {
  const tail: number[] = [];
  for (let left = tailBytes; left > 0;) {
    const start = pieces[pieces.length - 2];
    const bytes = pieces[pieces.length - 1];
    if (bytes <= left) {
      tail.unshift(start, bytes);
      pieces.length -= 2;
      left -= bytes;
    } else {
      tail.unshift(start + bytes - left, left);
      pieces[pieces.length - 1] = bytes - left;
      left = 0;
    }
  }
  return tail;
}
