/**
 * Looks at SQLite's write-ahead log before SQLite does. SQLite ends a log at the first frame whose checksum fails, because a power cut
 * leaves such frames, and says nothing: a flipped bit would take back every change behind it. What no power cut leaves is told.
 * Source of the format: https://www.sqlite.org/fileformat2.html#the_write_ahead_log
 */
import { readFileSync, statSync } from 'node:fs';

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const MAGIC = 0x377f0682;
/** SQLite begins the log anew long before; what is longer is not looked at. */
const MAX_LOG_BYTES = 256 * 1024 * 1024;

type Sum = readonly [number, number];
const ZERO: Sum = [0, 0];

/** @returns what of the log is damaged, or null. One that another process writes to just now is read again. */
export function damageOfLog(path: string): 'header' | 'frame' | null {
  const first = look(path);
  return first !== null && first === look(path) ? first : null;
}

function look(path: string): 'header' | 'frame' | null {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size < HEADER_BYTES + FRAME_HEADER_BYTES || size > MAX_LOG_BYTES) return null;
  const log = readFileSync(path);
  // of the two magic numbers the last bit is the order of bytes in which sums are made
  const isBigEndian = (log[3] & 1) === 1;
  const add = (sum: Sum, from: number, to: number) => addPairs(sum, log, from, to, isBigEndian);
  const stored = (at: number): Sum => [log.readUInt32BE(at), log.readUInt32BE(at + 4)];
  if ((log.readUInt32BE(0) & ~1) >>> 0 !== MAGIC)
    return hasMendableBit(log.readUInt32BE(0) & ~1, MAGIC) ? 'header' : null;
  if (!equal(add(ZERO, 0, 24), stored(24))) {
    const isOneBit = isOneBitOff(ZERO, log.subarray(0, 24), stored(24), isBigEndian);
    return isOneBit || isOneBitOff(ZERO, log.subarray(0, 24), stored(24), !isBigEndian) ? 'header' : null;
  }
  const frameBytes = FRAME_HEADER_BYTES + log.readUInt32BE(8);
  const salts = log.subarray(16, 24);
  const saltsAt = (at: number) => log.subarray(at + 8, at + 16);
  let sum = stored(24);
  for (let at = HEADER_BYTES; at + frameBytes <= log.length; at += frameBytes) {
    const next = add(add(sum, at, at + 8), at + FRAME_HEADER_BYTES, at + frameBytes);
    const isOfThisLog = saltsAt(at).equals(salts);
    if (isOfThisLog && equal(next, stored(at + 16))) {
      sum = next;
      continue;
    }
    if (!isOfThisLog) {
      // what is left of an earlier log has another random number
      return bitsApart(saltsAt(at), salts) === 1 && equal(next, stored(at + 16)) ? 'frame' : null;
    }
    // a commit is synced before the next frame is written: what lies before that was whole once
    for (let c = at; c + 2 * frameBytes <= log.length && saltsAt(c).equals(salts); c += frameBytes) {
      const isCommit = log.readUInt32BE(c + 4) !== 0;
      if (isCommit && saltsAt(c + frameBytes).equals(salts)) return 'frame';
    }
    const summed = Buffer.concat([log.subarray(at, at + 8), log.subarray(at + FRAME_HEADER_BYTES, at + frameBytes)]);
    return isOneBitOff(sum, summed, stored(at + 16), isBigEndian) ? 'frame' : null;
  }
  return null;
}

function addPairs([a, b]: Sum, bytes: Buffer, from: number, to: number, isBigEndian: boolean): Sum {
  for (let at = from; at < to; at += 8) {
    a = (a + (isBigEndian ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at)) + b) | 0;
    b = (b + (isBigEndian ? bytes.readUInt32BE(at + 4) : bytes.readUInt32LE(at + 4)) + a) | 0;
  }
  return [a >>> 0, b >>> 0];
}

const equal = (one: Sum, other: Sum) => one[0] === other[0] && one[1] === other[1];

const hasMendableBit = (found: number, wanted: number) => isPowerOfTwo((found ^ wanted) >>> 0);
const isPowerOfTwo = (n: number) => n !== 0 && (n & (n - 1)) === 0;

function bitsApart(one: Uint8Array, other: Uint8Array): number {
  let bits = 0;
  for (let i = 0; i < one.length; i++) for (let x = one[i] ^ other[i]; x > 0; x &= x - 1) bits++;
  return bits;
}

/**
 * Whether a sum fails because of one bit, in what is summed or in the sum itself. Sums are linear: what a bit of a word adds to the end
 * is worked out from the last pair of words backwards.
 */
function isOneBitOff(start: Sum, bytes: Buffer, stored: Sum, isBigEndian: boolean): boolean {
  const found = addPairs(start, bytes, 0, bytes.length, isBigEndian);
  const off: Sum = [(stored[0] - found[0]) >>> 0, (stored[1] - found[1]) >>> 0];
  if (off[1] === 0 && isPowerOfTwo((stored[0] ^ found[0]) >>> 0)) return true;
  if (off[0] === 0 && isPowerOfTwo((stored[1] ^ found[1]) >>> 0)) return true;
  // what one in the first, and in the second word of a pair adds to both sums at the end
  let [first, second]: [Sum, Sum] = [
    [1, 1],
    [0, 1],
  ];
  const step = ([a, b]: Sum): Sum => [(a + b) >>> 0, (a + 2 * b) >>> 0];
  for (let at = bytes.length - 8; at >= 0; at -= 8) {
    for (const effect of [first, second]) {
      for (let bit = 0; bit < 32; bit++) {
        const by: Sum = [Math.imul(effect[0], 1 << bit) >>> 0, Math.imul(effect[1], 1 << bit) >>> 0];
        if (equal(by, off) || equal([-by[0] >>> 0, -by[1] >>> 0], off)) return true;
      }
    }
    first = step(first);
    second = step(second);
  }
  return false;
}
