/** Bitmaps that say which sectors of a block are in a file, and which are not. */
import { eachSetRun } from '../core/bitmap.ts';

/**
 * Goes through a stretch of a block in order. Every byte of it is told of once.
 * @param bits of the whole block, least significant bit first; a set bit: the sector is here
 * @param skipBytes where in the block the stretch begins
 */
export function splitBySectors(
  bits: Uint8Array,
  sectorBytes: number,
  skipBytes: number,
  lengthBytes: number,
  here: (fromBytes: number, lengthBytes: number) => void,
  elsewhere: (lengthBytes: number) => void,
): void {
  const endBytes = skipBytes + lengthBytes;
  let at = skipBytes;
  eachSetRun(bits, Math.ceil(endBytes / sectorBytes), (first, count) => {
    const from = Math.max(at, first * sectorBytes);
    const to = Math.min(endBytes, (first + count) * sectorBytes);
    if (to <= from) return;
    if (from > at) elsewhere(from - at);
    here(from, to - from);
    at = to;
  });
  if (at < endBytes) elsewhere(endBytes - at);
}
