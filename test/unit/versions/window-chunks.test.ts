import { expect, test } from 'vitest';
import { piecesIn, piecesOf } from '../../../src-engine/versions/window-chunks.ts';
import { randomBelow } from '../../support/temporary.ts';

/** Of pairs: start, length. */
const bytesOf = (pairs: readonly number[]) =>
  pairs.flatMap((start, i) => (i % 2 ? [] : Array.from({ length: pairs[i + 1] }, (_, k) => start + k)));

test.each(Array.from({ length: 40 }, (_, seed) => seed))(
  'a range of a window is read out of the right places: %i',
  (seed) => {
    const random = randomBelow(seed + 1);
    const extents: number[] = [];
    for (let at = random(3); at < 200; at += 1 + random(5)) {
      const length = 1 + random(30);
      extents.push(at, length);
      at += length;
    }
    const lengths: number[] = [];
    for (let left = extents.reduce((sum, value, i) => sum + (i % 2) * value, 0); left > 0; left -= lengths.at(-1)!)
      lengths.push(Math.min(left, 1 + random(25)));
    const record = {
      region: 0,
      window: 0,
      extents: Uint32Array.from(extents),
      lengths: Uint32Array.from(lengths),
      hashes: new Uint8Array(lengths.length * 32),
    };
    // for every used byte, one after the other: its chunk, and where in it
    const used = bytesOf(extents);
    const inChunks = lengths.flatMap((length, chunk) => Array.from({ length }, (_, from) => [chunk, from] as const));
    const places = new Map(used.map((at, i) => [at, inChunks[i]]));
    expect([...piecesOf(record)].map(([chunk, pieces]) => [chunk, bytesOf(pieces)])).toEqual(
      lengths.map((_, chunk) => [chunk, used.filter((_, i) => inChunks[i][0] === chunk)]),
    );
    for (let tries = 0; tries < 50; tries++) {
      const low = random(260);
      const high = low + random(80);
      const found = new Map<number, readonly [number, number]>();
      for (const { chunk, from, start, lengthBytes } of piecesIn(record, low, high))
        for (let i = 0; i < lengthBytes; i++) found.set(start + i, [chunk, from + i]);
      expect([...found]).toEqual([...places].filter(([at]) => at >= low && at < high));
    }
  },
);
