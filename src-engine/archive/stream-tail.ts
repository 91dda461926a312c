/** What lies behind the end of a packed stream: nothing, zeros of a tape's last block, a note of somebody's, or something that must not be lost. */
import { EngineError } from '../core/engine-error.ts';
import type { StreamReader } from './stream-reader.ts';
import { HEAD_BYTES, streamTypeOf } from './stream-type.ts';

/** Signatures of firmware are this long at most. What is longer may be half of an image whose other half is damaged. */
export const MAX_TAIL_BYTES = 64 * 1024;

/**
 * Reads to the end of the input.
 * @param kind of the stream that ended
 * @returns how many bytes there are that are not a padding of zeros; they are no part of the content
 * @throws EngineError `FORMAT_INVALID` where another stream follows, or more than a note
 */
export async function readTail(reader: StreamReader, kind: string): Promise<number> {
  let zeros = 0;
  let tail: Buffer = Buffer.alloc(0);
  for (let piece = await reader.some(); piece !== null; piece = await reader.some()) {
    if (tail.length === 0) {
      const start = piece.findIndex((byte) => byte !== 0);
      zeros += start < 0 ? piece.length : start;
      if (start < 0) continue;
      piece = piece.subarray(start);
    }
    tail = Buffer.concat([tail, piece]);
    if (tail.length > MAX_TAIL_BYTES) throw behind(kind, `> ${MAX_TAIL_BYTES}`);
  }
  return tail.length === 0 ? 0 : zeros + checkTail(tail, kind);
}

/** @param tail begins with what is not zero @returns its length @throws as {@link readTail} */
export function checkTail(tail: Buffer, kind: string): number {
  const type = streamTypeOf(tail.subarray(0, HEAD_BYTES));
  if (type !== null) throw behind(kind, type);
  return tail.length;
}

const behind = (kind: string, value: string) =>
  new EngineError('FORMAT_INVALID', { field: `behind the ${kind} stream`, value });
