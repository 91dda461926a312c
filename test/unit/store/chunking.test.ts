import { describe, expect, test } from 'vitest';
import {
  cutWindow,
  MAX_CHUNK_BYTES,
  MIN_CHUNK_BYTES,
  WINDOW_BYTES,
  type CutChunk,
} from '../../../src-engine/store/chunking.ts';
import { noise } from '../../support/disks.ts';
import { sha256 } from '../../support/store.ts';
import { randomBelow } from '../../support/temporary.ts';

/** Zeros that are this long never share a chunk with something else. */
const LONG_ZEROS = 32 * 1024;

const whole = Uint32Array.of(0, WINDOW_BYTES);
const bytesOf = (window: Buffer, { pieces }: CutChunk) => {
  const parts: Buffer[] = [];
  for (let p = 0; p < pieces.length; p += 2) parts.push(window.subarray(pieces[p], pieces[p] + pieces[p + 1]));
  return Buffer.concat(parts);
};
const names = (window: Buffer, chunks: CutChunk[]) =>
  chunks.map((chunk) => sha256(bytesOf(window, chunk)).toString('hex'));

/** A window of noise, text and runs of zeros, and used runs of whole units in it. */
function madeUp(seed: number, unitBytes: number): { window: Buffer; extents: Uint32Array } {
  const below = randomBelow(seed);
  const window = noise(`window ${seed}`, WINDOW_BYTES);
  for (let i = 0; i < 20; i++) {
    const at = below(WINDOW_BYTES);
    window.fill(i % 4 === 0 ? 'text ' : 0, at, Math.min(WINDOW_BYTES, at + below(300_000)));
  }
  const runs: number[] = [];
  for (let at = below(50) * unitBytes; at < WINDOW_BYTES;) {
    const length = Math.min((1 + below(below(2) ? 4 : 400)) * unitBytes, WINDOW_BYTES - at);
    runs.push(at, length);
    at += length + (1 + below(30)) * unitBytes;
  }
  return { window, extents: Uint32Array.from(runs) };
}

describe.each([512, 1024, 2048, 4096])('windows of %d-byte units', (unitBytes) => {
  test.each([1, 2, 3, 4, 5])(
    'every used byte is in exactly one chunk, in order, and sizes are in bounds (%d)',
    (seed) => {
      const { window, extents } = madeUp(seed, unitBytes);
      const chunks = cutWindow(window, extents, unitBytes);
      const joined: number[] = [];
      for (const { pieces, lengthBytes } of chunks) {
        let sum = 0;
        for (let p = 0; p < pieces.length; p += 2) {
          const [start, length] = [pieces[p], pieces[p + 1]];
          expect(length).toBeGreaterThan(0);
          sum += length;
          const last = joined.length - 2;
          if (last >= 0 && joined[last] + joined[last + 1] === start) joined[last + 1] += length;
          else joined.push(start, length);
        }
        expect(sum).toBe(lengthBytes);
      }
      expect(joined).toEqual([...extents]);

      chunks.forEach((chunk, i) => {
        const bytes = bytesOf(window, chunk);
        expect(chunk.isZero).toBe(bytes.every((byte) => byte === 0));
        if (chunk.isZero) return;
        expect(bytes.length).toBeLessThan(MAX_CHUNK_BYTES + unitBytes);
        const isBeforeZeros = chunks[i + 1]?.isZero ?? true;
        if (!isBeforeZeros) expect(bytes.length).toBeGreaterThanOrEqual(MIN_CHUNK_BYTES);
        expect(longestZeros(bytes, unitBytes)).toBeLessThan(LONG_ZEROS);
      });
    },
  );

  test('the same content gives the same chunks, wherever its pieces lie', () => {
    const content = noise('scattered content', 2 * 1024 * 1024);
    const one = Buffer.alloc(WINDOW_BYTES);
    content.copy(one);
    const inOneRun = cutWindow(one, Uint32Array.of(0, content.length), unitBytes);

    const below = randomBelow(unitBytes);
    const other = noise('around it', WINDOW_BYTES);
    const runs: number[] = [];
    for (let done = 0, at = 3 * unitBytes; done < content.length;) {
      const length = Math.min((1 + below(64)) * unitBytes, content.length - done);
      content.copy(other, at, done, done + length);
      runs.push(at, length);
      done += length;
      at += length + (1 + below(8)) * unitBytes;
    }
    expect(runs.length).toBeGreaterThan(20);
    const scattered = cutWindow(other, Uint32Array.from(runs), unitBytes);
    expect(names(other, scattered)).toEqual(names(one, inOneRun));
  });

  test('content that was moved by some units is found again', () => {
    const content = noise('moved content', 6 * 1024 * 1024);
    const cut = (shiftUnits: number) => {
      const window = noise(`before ${shiftUnits}`, WINDOW_BYTES);
      content.copy(window, shiftUnits * unitBytes);
      return names(window, cutWindow(window, Uint32Array.of(0, shiftUnits * unitBytes + content.length), unitBytes));
    };
    const before = cut(0);
    for (const shift of [1, 7, 100]) {
      const after = new Set(cut(shift));
      const found = before.filter((name) => after.has(name)).length;
      expect(found / before.length).toBeGreaterThan(0.95);
    }
  });

  test('a changed unit changes one chunk or two', () => {
    const window = noise('changed', WINDOW_BYTES);
    const before = names(window, cutWindow(window, whole, unitBytes));
    window[WINDOW_BYTES / 2] ^= 1;
    const after = new Set(names(window, cutWindow(window, whole, unitBytes)));
    expect(before.filter((name) => !after.has(name)).length).toBeLessThanOrEqual(2);
  });

  test('chunks of noise are 44 KiB on average, near enough: the least length less one unit, then one unit in eight 4 KiB blocks', () => {
    const window = noise('average', WINDOW_BYTES);
    const average = WINDOW_BYTES / cutWindow(window, whole, unitBytes).length;
    expect(average).toBeGreaterThan(37 * 1024);
    expect(average).toBeLessThan(52 * 1024);
  });
});

test('cutting is the same at every run', () => {
  const { window, extents } = madeUp(9, 4096);
  expect(cutWindow(window, extents, 4096)).toEqual(cutWindow(window, extents, 4096));
});

test('nothing used gives nothing; a window of zeros is one chunk of zeros', () => {
  const window = Buffer.alloc(WINDOW_BYTES);
  expect(cutWindow(window, new Uint32Array(), 4096)).toEqual([]);
  expect(cutWindow(window, whole, 4096)).toEqual([
    { lengthBytes: WINDOW_BYTES, isZero: true, pieces: [0, WINDOW_BYTES] },
  ]);
});

test('a window with no places to cut is cut at the greatest length', () => {
  const window = Buffer.alloc(WINDOW_BYTES, 'the same again and again ');
  const period = noise('period', 4096);
  for (let at = 0; at < WINDOW_BYTES; at += 4096) period.copy(window, at);
  const lengths = new Set(cutWindow(window, whole, 4096).map((chunk) => chunk.lengthBytes));
  expect(lengths.size).toBe(1);
  expect([MIN_CHUNK_BYTES, MAX_CHUNK_BYTES]).toContain([...lengths][0]);
});

test('a run that ends within a unit', () => {
  const window = noise('odd', WINDOW_BYTES);
  const chunks = cutWindow(window, Uint32Array.of(4096, 12_345), 4096);
  expect(chunks).toEqual([{ lengthBytes: 12_345, isZero: false, pieces: [4096, 12_345] }]);
});

test('zeros are told apart at their exact length', () => {
  for (const [zeroBytes, expected] of [
    [LONG_ZEROS - 4096, [false]],
    [LONG_ZEROS, [false, true, false]],
  ] as const) {
    const window = Buffer.alloc(WINDOW_BYTES, 0x61);
    window.fill(0, 8192, 8192 + zeroBytes);
    const chunks = cutWindow(window, Uint32Array.of(0, 8192 + zeroBytes + 4096), 4096);
    expect(chunks.map((chunk) => chunk.isZero)).toEqual(expected);
  }
});

function longestZeros(bytes: Buffer, unitBytes: number): number {
  let longest = 0;
  let run = 0;
  for (let at = 0; at < bytes.length; at += unitBytes) {
    const unit = bytes.subarray(at, at + unitBytes);
    run = unit.every((byte) => byte === 0) ? run + unit.length : 0;
    longest = Math.max(longest, run);
  }
  return longest;
}
