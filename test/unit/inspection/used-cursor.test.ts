import { expect, test } from 'vitest';
import type { Extent } from '../../../src-engine/disk/block-source.port.ts';
import { UsedCursors } from '../../../src-engine/inspection/used-cursor.ts';
import { randomBelow } from '../../support/temporary.ts';

/** A volume's used extents in batches, and how often they were begun and left. */
function volume(extents: readonly Extent[], below: (limit: number) => number) {
  const counts = { begun: 0, left: 0 };
  const used = async function* () {
    counts.begun++;
    try {
      for (let i = 0; i < extents.length;) {
        const count = below(4);
        yield extents.slice(i, i + count);
        i += count;
      }
    } finally {
      counts.left++;
    }
  };
  return { used, counts };
}

function randomExtents(below: (limit: number) => number): Extent[] {
  const extents: Extent[] = [];
  for (let at = below(50); at < 2000;) {
    const lengthBytes = 1 + below(100);
    extents.push({ startBytes: at, lengthBytes });
    at += lengthBytes + below(3) * below(80);
  }
  return extents;
}

const bytesOf = (extents: readonly Extent[], from: number, to: number) =>
  extents.flatMap(({ startBytes, lengthBytes }) =>
    Array.from({ length: lengthBytes }, (_, i) => startBytes + i).filter((at) => at >= from && at < to),
  );

test('pieces in any order hold what is used of them', async () => {
  for (let seed = 1; seed <= 100; seed++) {
    const below = randomBelow(seed);
    const extents = randomExtents(below);
    const { used, counts } = volume(extents, below);
    const cursors = new UsedCursors<string>();
    for (let i = 0; i < 10; i++) {
      const from = below(2200);
      const to = from + below(500);
      const found: Extent[] = [];
      for await (const batch of cursors.between('v', used, from, to)) found.push(...batch);
      expect(bytesOf(found, 0, Infinity)).toEqual(bytesOf(extents, from, to));
    }
    await cursors.close();
    expect(counts.left).toBe(counts.begun);
  }
});

test('ascending pieces are found in one go, those of several volumes in turn too', async () => {
  const below = randomBelow(9);
  const volumes = Array.from({ length: 12 }, () => volume(randomExtents(below), below));
  const cursors = new UsedCursors<number>();
  for (let at = 0; at < 2200; at += 100) {
    for (const [i, { used }] of volumes.entries()) {
      for await (const batch of cursors.between(i, used, at, at + 100)) expect(batch.length).toBeGreaterThan(0);
    }
  }
  await cursors.close();
  expect(volumes.map(({ counts }) => counts.begun)).toEqual(volumes.map(() => 1));
});

test('only so many are kept open, and none is left open', async () => {
  const below = randomBelow(3);
  const volumes = Array.from({ length: 200 }, () => volume(randomExtents(below), below));
  const cursors = new UsedCursors<number>();
  for (let round = 0; round < 2; round++) {
    for (const [i, { used }] of volumes.entries()) {
      for await (const batch of cursors.between(i, used, 1000 * round, 1000 * round + 10)) void batch;
      const open = volumes.reduce((sum, { counts }) => sum + counts.begun - counts.left, 0);
      expect(open).toBeLessThanOrEqual(16);
    }
  }
  await cursors.close();
  for (const { counts } of volumes) expect(counts.left).toBe(counts.begun);
});
