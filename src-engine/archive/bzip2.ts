/**
 * bzip2 through 7zz, which judges every stream as bzip2 does. What lies behind the last one it never sees: it refuses that, where bzip2
 * warns, and its threads then lose the last block that they had unpacked.
 */
import { Readable } from 'node:stream';
import { EngineError } from '../core/engine-error.ts';
import { start } from './seven-zip.ts';
import { damagedStream } from './stream-reader.ts';
import { checkTail, MAX_TAIL_BYTES } from './stream-tail.ts';

/** Behind the last block: the digits of the square root of pi, and the checksum of the stream, at any bit. */
const END_MARK = 0x177245385090n;
const END_BITS = 48 + 32;
/** With the mark of a first block, or of the end of an empty stream. */
const STREAM = /^425a683[1-9](314159265359|177245385090)/;
/** What bzip2 takes for a stream, and nothing else of it is right. */
const NEARLY_STREAM = /^(42|425a|425a68(3[1-9].*)?)$/;
const ONLY_TAIL = /^\s*ERROR: There are some data after the end of the payload data[^\n]*\s*$/;

/** Held back of the input until it ends. */
const HELD_BYTES = MAX_TAIL_BYTES + END_BITS;

/**
 * @returns the content; where the generator ends, how many bytes that are no padding lie behind the stream
 * @throws EngineError `FORMAT_INVALID` where a stream is damaged or cut off; `ABORTED`
 */
export async function* unpackBzip2(
  input: AsyncIterable<Uint8Array>,
  path: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, number> {
  let tailBytes = 0;
  async function* withoutTail() {
    let held: Buffer = Buffer.alloc(0);
    for await (const piece of input) {
      held = Buffer.concat([held, piece]);
      const passed = held.subarray(0, Math.max(0, held.length - HELD_BYTES));
      if (passed.length > 0) yield passed;
      held = held.subarray(passed.length);
    }
    const at = endIn(held);
    tailBytes = lengthOfTail(held.subarray(at));
    yield held.subarray(0, at);
  }
  const about = { path, type: 'bzip2', password: null } as const;
  const { child, ended } = start(['x', '-si', '-so', '-tbzip2'], about, signal, Readable.from(withoutTail()));
  try {
    yield* child.stdout as AsyncIterable<Buffer>;
    await ended;
    return tailBytes;
  } catch (error) {
    if (!(error instanceof EngineError) || !ONLY_TAIL.test(error.hint)) throw error;
    throw damagedStream('behind the bzip2 stream', 'a damaged stream, or much else');
  } finally {
    child.kill();
  }
}

/** @param held the last bytes of the input @returns where the last stream ends; all of it where that is not told for certain */
function endIn(held: Buffer): number {
  for (const at of streamEnds(held)) {
    const head = held.toString('hex', at, at + 10);
    if (!STREAM.test(head)) return NEARLY_STREAM.test(head) ? held.length : at;
  }
  return held.length;
}

function lengthOfTail(tail: Buffer): number {
  const start = tail.findIndex((byte) => byte !== 0);
  return start < 0 ? 0 : start + checkTail(tail.subarray(start), 'bzip2');
}

/** @returns where streams may end, ascending */
function* streamEnds(bytes: Buffer): Generator<number> {
  let window = 0n;
  for (let at = 0; at < bytes.length; at++) {
    window = ((window << 8n) | BigInt(bytes[at])) & 0xffffffffffffffn;
    for (let shift = 0; shift < 8; shift++) {
      const isMark = ((window >> BigInt(shift)) & 0xffffffffffffn) === END_MARK;
      // the bits that are left over of the mark's last byte begin the checksum
      if (isMark) yield Math.min(bytes.length, at + 1 + Math.ceil((32 - shift) / 8));
    }
  }
}
