/** What is taken over from an earlier version, and what is read, are together what is on the disk now: for windows, changes and used blocks of any kind. */
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Extent } from '../../../src-engine/disk/block-source.port.ts';
import { cutWindow, WINDOW_BYTES } from '../../../src-engine/store/chunking.ts';
import { isZeroHash, type WindowRecord } from '../../../src-engine/store/manifest-format.ts';
import type { KnownChunk } from '../../../src-engine/store/store-writer.ts';
import { ChangedRuns, partsOf } from '../../../src-engine/storing/earlier-disk.ts';

const BLOCK = 4096;
const COUNT = 512;

/** A generator of numbers, the same in each run. */
function numbers(seed: number) {
  let state = seed;
  return (below: number) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function runsOf(isIn: (block: number) => boolean): Uint32Array {
  const pairs: number[] = [];
  for (let block = 0; block < COUNT; block++) {
    if (!isIn(block)) continue;
    const last = pairs.length - 2;
    if (last >= 0 && pairs[last] + pairs[last + 1] === block * BLOCK) pairs[last + 1] += BLOCK;
    else pairs.push(block * BLOCK, BLOCK);
  }
  return Uint32Array.from(pairs);
}

const nameOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest();
const joined = (window: Buffer, pieces: ArrayLike<number>) => {
  const all: Buffer[] = [];
  for (let p = 0; p < pieces.length; p += 2) all.push(window.subarray(pieces[p], pieces[p] + pieces[p + 1]));
  return Buffer.concat(all);
};

/** As a capture would have stored it; `lost` chunks are in no pack any more. */
function stored(window: Buffer, extents: Uint32Array, lost: (i: number) => boolean) {
  const chunks = cutWindow(window, extents, BLOCK);
  const content = new Map<string, Buffer>();
  const hashes = chunks.map(({ isZero, pieces, lengthBytes }, i) => {
    if (isZero) return Buffer.alloc(32);
    const bytes = joined(window, pieces);
    expect(bytes.length).toBe(lengthBytes);
    const hash = nameOf(bytes);
    if (!lost(i)) content.set(hash.toString('hex'), bytes);
    return hash;
  });
  const record: WindowRecord = {
    region: 0,
    window: 0,
    extents,
    lengths: Uint32Array.from(chunks, ({ lengthBytes }) => lengthBytes),
    hashes: Buffer.concat(hashes),
  };
  const take = <T extends KnownChunk>(chunks: readonly T[]) =>
    chunks.filter(({ hash }) => isZeroHash(hash, 0) || content.has(Buffer.from(hash).toString('hex')));
  return { record, content, take };
}

const REGION = { startBytes: 10 * WINDOW_BYTES, lengthBytes: 2 * WINDOW_BYTES };

describe('what is taken over from an earlier version', () => {
  test.each(Array.from({ length: 60 }, (_, i) => i))('and what is read, is the window: %i', async (seed) => {
    const random = numbers(seed + 1);
    const before = Buffer.alloc(WINDOW_BYTES);
    for (let block = 0; block < COUNT; block++)
      if (random(4) > 0) before.fill(1 + random(255), block * BLOCK, (block + 1) * BLOCK);
    const wasUsed = Array.from({ length: COUNT }, (_, i) =>
      seed % 3 === 0 ? true : Math.floor(i / (1 + random(9))) % 5 < 3,
    );
    // what was free then may be anything now, and is not in the earlier version
    const now = Buffer.from(before);
    for (let block = 0; block < COUNT; block++)
      if (!wasUsed[block]) before.fill(0xdd, block * BLOCK, (block + 1) * BLOCK);
    const written = new Set(Array.from({ length: random(12) }, () => random(COUNT)));
    for (const block of written) now.fill(random(3) === 0 ? 0 : 1 + random(255), block * BLOCK, (block + 1) * BLOCK);
    const isUsed = wasUsed.map((was) => (random(seed % 4 === 0 ? 1000 : 40) === 0 ? !was : was));
    const { record, content, take } = stored(
      before,
      runsOf((block) => wasUsed[block]),
      (i) => seed % 7 === 0 && i % 5 === 0,
    );
    const extents = runsOf((block) => isUsed[block]);
    const changes: Extent[] = [...written]
      .sort((a, b) => a - b)
      .map((block) => ({ startBytes: REGION.startBytes + block * BLOCK, lengthBytes: BLOCK }));
    const runs = new ChangedRuns(REGION.startBytes + REGION.lengthBytes, async (from, length) =>
      changes.filter(({ startBytes }) => startBytes >= from && startBytes < from + length),
    );
    const earlier = {
      manifest: { find: async () => record },
      regions: [REGION],
      changed: (from: number, length: number) => runs.in(from, length),
    };
    const parts = await partsOf(earlier, take, REGION, 0, 0, extents);
    const made = (parts ?? [{ runs: [...extents] }]).map((part) => {
      if ('runs' in part) return joined(now, part.runs);
      return content.get(Buffer.from(part.hash).toString('hex')) ?? Buffer.alloc(part.lengthBytes);
    });
    expect(Buffer.concat(made).equals(joined(now, extents))).toBe(true);
    // with little written, most of it is known
    if (parts && written.size < 4 && seed % 7 !== 0 && seed % 4 === 0) {
      const known = parts.reduce((sum, part) => sum + ('hash' in part ? part.lengthBytes : 0), 0);
      expect(known).toBeGreaterThan(joined(now, extents).length / 4);
    }
  });

  test('is nothing where the region lies elsewhere, or the earlier version has nothing there', async () => {
    const { record, take } = stored(Buffer.alloc(WINDOW_BYTES, 1), Uint32Array.of(0, WINDOW_BYTES), () => false);
    const changed = async () => [];
    const extents = Uint32Array.of(0, WINDOW_BYTES);
    const moved = { manifest: { find: async () => record }, regions: [{ ...REGION, startBytes: 0 }], changed };
    expect(await partsOf(moved, take, REGION, 0, 0, extents)).toBeNull();
    const empty = { manifest: { find: async () => null }, regions: [REGION], changed };
    expect(await partsOf(empty, take, REGION, 0, 0, extents)).toBeNull();
  });
});
