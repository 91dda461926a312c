/** LZNT1, the compression of NTFS: Microsoft, [MS-XCA] "Xpress Compression Algorithm", section 2.5. */
import { EngineError } from '../../core/engine-error.ts';

/** What a chunk holds when it is unpacked; the last one may hold less. */
const CHUNK_BYTES = 4096;
const IS_COMPRESSED = 0x8000;
const LENGTH_MASK = 0x0fff;
const MATCH_BYTES_MIN = 3;

function invalid(field: string, value: number): never {
  throw new EngineError('FORMAT_INVALID', { field: `LZNT1 ${field}`, value: String(value) });
}

/**
 * @param packed chunks one after the other, up to the end or a header of zeros
 * @param into gets the content; what the chunks do not reach is filled with zeros
 * @throws EngineError `FORMAT_INVALID` where a chunk goes past an end or refers to what is before it
 */
export function unpackLznt1(packed: Uint8Array, into: Uint8Array): void {
  into.fill(0);
  let at = 0;
  for (let out = 0; out < into.length && at + 2 <= packed.length; out += CHUNK_BYTES) {
    const header = packed[at] | (packed[at + 1] << 8);
    if (header === 0) return;
    const end = at + 2 + (header & LENGTH_MASK) + 1;
    if (end > packed.length) invalid('length of a chunk', header);
    const chunk = packed.subarray(at + 2, end);
    const target = into.subarray(out, out + CHUNK_BYTES);
    if (header & IS_COMPRESSED) unpackChunk(chunk, target);
    else target.set(chunk.subarray(0, target.length));
    at = end;
  }
}

/** Groups of a byte of flags and eight tokens: a byte as it is, or two bytes that say what to repeat. */
function unpackChunk(chunk: Uint8Array, target: Uint8Array): void {
  let at = 0;
  let out = 0;
  while (at < chunk.length) {
    const flags = chunk[at++];
    for (let bit = 0; bit < 8 && at < chunk.length; bit++) {
      if (out >= target.length) return;
      if (((flags >>> bit) & 1) === 0) {
        target[out++] = chunk[at++];
        continue;
      }
      if (at + 2 > chunk.length) invalid('token', at);
      const token = chunk[at] | (chunk[at + 1] << 8);
      at += 2;
      // the further the chunk, the more bits tell how far back, and the fewer how much
      const lengthBits = 16 - displacementBits(out);
      const from = out - (token >>> lengthBits) - 1;
      if (from < 0) invalid('displacement', token);
      const end = Math.min(out + (token & ((1 << lengthBits) - 1)) + MATCH_BYTES_MIN, target.length);
      // byte by byte: what is repeated may overlap with what comes of it
      for (let source = from; out < end;) target[out++] = target[source++];
    }
  }
}

/** As many as the place needs, and 4 at least. */
function displacementBits(place: number): number {
  return Math.max(4, 32 - Math.clz32(Math.max(place, 1) - 1));
}
