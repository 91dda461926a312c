/**
 * Unpacks LZO1X, as the kernel's lib/lzo/lzo1x_decompress_safe.c reads it (format: Linux, Documentation/staging/lzo.rst), in
 * bounds.
 */
import { EngineError } from '../../core/engine-error.ts';

const damaged = (what: string) => new EngineError('FORMAT_INVALID', { field: 'LZO', value: what });

/** @returns how many bytes of `out` were written @throws EngineError `FORMAT_INVALID` */
export function unpackLzo(input: Uint8Array, out: Uint8Array): number {
  let at = 0;
  let to = 0;

  const byte = (): number => {
    if (at >= input.length) throw damaged('cut off');
    return input[at++];
  };
  /** A length that did not fit: bytes of zero stand for 255 each. */
  const longer = (base: number): number => {
    let sum = base;
    for (;;) {
      const next = byte();
      if (next > 0) return sum + next;
      sum += 255;
      if (sum > out.length) throw damaged('length');
    }
  };
  const literals = (count: number) => {
    if (count > input.length - at || count > out.length - to) throw damaged('literals');
    out.set(input.subarray(at, at + count), to);
    at += count;
    to += count;
  };
  const match = (distance: number, count: number) => {
    if (distance > to || count > out.length - to) throw damaged('match');
    if (distance >= count) out.copyWithin(to, to - distance, to - distance + count);
    else for (let i = 0; i < count; i++) out[to + i] = out[to + i - distance];
    to += count;
  };

  /** how many literals came last: 0 to 3 behind a match, 4 for a run of its own */
  let state = 0;
  if (input.length > 0 && input[0] > 17) {
    const count = byte() - 17;
    literals(count);
    state = count < 4 ? count : 4;
  }
  for (;;) {
    const code = byte();
    let trailing: number;
    if (code < 16) {
      if (state === 0) {
        literals(code === 0 ? longer(15) + 3 : code + 3);
        state = 4;
        continue;
      }
      trailing = code & 3;
      const distance = (code >>> 2) + (byte() << 2);
      if (state === 4) match(distance + 2049, 3);
      else match(distance + 1, 2);
    } else if (code >= 64) {
      trailing = code & 3;
      match(((code >>> 2) & 7) + (byte() << 3) + 1, (code >>> 5) + 1);
    } else if (code >= 32) {
      const count = (code & 31) === 0 ? longer(31) + 2 : (code & 31) + 2;
      const low = byte();
      const high = byte();
      trailing = low & 3;
      match((low >>> 2) + (high << 6) + 1, count);
    } else {
      const count = (code & 7) === 0 ? longer(7) + 2 : (code & 7) + 2;
      const low = byte();
      const high = byte();
      trailing = low & 3;
      const distance = ((code & 8) << 11) + (low >>> 2) + (high << 6);
      // the end: a match at this distance
      if (distance === 0) return to;
      match(distance + 16_384, count);
    }
    literals(trailing);
    state = trailing;
  }
}
