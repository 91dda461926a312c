/** What makes a disk look finished is cleared first and written last; nothing is written twice, nothing forgotten. */
import { describe, expect, test } from 'vitest';
import { checkSpan } from '../../../src-engine/core/bounds.ts';
import type { BlockSink, Extent } from '../../../src-engine/disk/block-source.port.ts';
import { FinishingBlocks } from '../../../src-engine/jobs/deploy/finishing-blocks.ts';
import type { Patch } from '../../../src-engine/volumes/layout.port.ts';
import { WINDOW_BYTES } from '../../../src-engine/store/chunking.ts';
import { noise } from '../../support/disks.ts';
import { randomBelow } from '../../support/temporary.ts';

const DISK_BYTES = 2 * WINDOW_BYTES;

/** A disk in memory that remembers what was done to it, in order. */
function memorySink(before: Buffer) {
  const bytes = Buffer.from(before);
  const log: ({ kind: 'write'; from: number; to: number } | { kind: 'sync' })[] = [];
  const sink: BlockSink = {
    lengthBytes: bytes.length,
    sectorBytes: 512,
    physicalSectorBytes: 512,
    isEmpty: false,
    readBack: 'direct',
    async write(offsetBytes, data) {
      checkSpan('write', offsetBytes, data.length, bytes.length);
      bytes.set(data, offsetBytes);
      log.push({ kind: 'write', from: offsetBytes, to: offsetBytes + data.length });
    },
    async sync() {
      log.push({ kind: 'sync' });
    },
    async readBackInto(offsetBytes, into) {
      expect([offsetBytes % 4096, into.length % 4096]).toEqual([0, 0]);
      bytes.copy(into, 0, offsetBytes, Math.min(bytes.length, offsetBytes + into.length));
    },
    async close() {},
  };
  return { bytes, log, sink };
}

/** Extents of whole sectors, ascending and apart from each other. */
function someExtents(below: (limit: number) => number, count: number): Extent[] {
  const starts = Array.from({ length: count * 2 }, () => below(DISK_BYTES / 512)).sort((a, b) => a - b);
  const extents: Extent[] = [];
  for (let i = 0; i < starts.length; i += 2) {
    const lengthBytes = Math.min((starts[i + 1] - starts[i]) * 512, 50_000 - (50_000 % 512));
    if (lengthBytes > 0) extents.push({ startBytes: starts[i] * 512, lengthBytes });
  }
  return extents;
}

describe.each([1, 2, 3, 4, 5, 6, 7, 8])('made up, %d', (seed) => {
  const below = randomBelow(seed);
  const patches: Patch[] = someExtents(below, 3).map(({ startBytes, lengthBytes }) => ({
    offsetBytes: startBytes,
    bytes: noise(`patch ${startBytes}`, lengthBytes),
  }));
  const stale = someExtents(below, 3);
  const finishing = [...someExtents(below, 3), { startBytes: 0, lengthBytes: 512 }].sort(
    (a, b) => a.startBytes - b.startBytes,
  );
  const template = noise(`template ${seed}`, DISK_BYTES);
  const runs = [{ startBytes: 0, lengthBytes: 512 }, ...someExtents(below, 30).filter((run) => run.startBytes >= 512)];

  test('the disk is the template with its patches, without what is stale', async () => {
    const blocks = new FinishingBlocks({ patches, stale, finishing });
    const before = Buffer.alloc(DISK_BYTES, 0xff);
    const { bytes, log, sink } = memorySink(before);
    await blocks.clear(sink);
    const cleared = Buffer.from(bytes);
    for (const { startBytes, lengthBytes } of [
      ...finishing,
      { startBytes: DISK_BYTES - 17_408, lengthBytes: 17_408 },
    ]) {
      expect(cleared.subarray(startBytes, startBytes + lengthBytes).every((byte) => byte === 0)).toBe(true);
    }
    expect(log.at(-1)).toEqual({ kind: 'sync' });
    log.length = 0;

    const expected = Buffer.from(cleared);
    for (const windowStart of [0, WINDOW_BYTES]) {
      const inWindow = runs
        .filter(({ startBytes }) => startBytes >= windowStart && startBytes < windowStart + WINDOW_BYTES)
        .map(({ startBytes, lengthBytes }): [number, number] => [
          startBytes - windowStart,
          Math.min(lengthBytes, windowStart + WINDOW_BYTES - startBytes),
        ]);
      const window = template.subarray(windowStart, windowStart + WINDOW_BYTES);
      blocks.hold(windowStart, inWindow, window);
      for (const [start, length] of inWindow) window.copy(expected, windowStart + start, start, start + length);
    }
    for (const { startBytes, lengthBytes } of stale)
      cleared.copy(expected, startBytes, startBytes, startBytes + lengthBytes);
    for (const { offsetBytes, bytes: patch } of patches) expected.set(patch, offsetBytes);
    const verified = await blocks.write(sink);
    expect(bytes.equals(expected)).toBe(true);

    const writes = log.filter((step) => step.kind === 'write');
    expect(verified).toBe(writes.reduce((sum, { from, to }) => sum + to - from, 0));
    // what makes it look finished comes after a sync of all the rest, and is synced itself
    const isFinishing = ({ from, to }: { from: number; to: number }) =>
      finishing.some(({ startBytes, lengthBytes }) => from < startBytes + lengthBytes && startBytes < to);
    const firstSync = log.findIndex((step) => step.kind === 'sync');
    log.forEach((step, i) => {
      if (step.kind === 'write') expect(isFinishing(step)).toBe(i > firstSync);
    });
    expect(log.at(-1)).toEqual({ kind: 'sync' });
    // and the first sector is written alone, when all else is on the disk
    expect(log.findLastIndex((step) => step.kind === 'sync' && step !== log.at(-1))).toBe(log.length - 3);
    expect(log.at(-2)).toEqual({ kind: 'write', from: 0, to: 512 });
  });

  test('the windows that hold any of it are known', () => {
    const blocks = new FinishingBlocks({
      patches,
      stale,
      finishing: [{ startBytes: WINDOW_BYTES * 5, lengthBytes: 1 }],
    });
    expect(blocks.touches(WINDOW_BYTES * 5)).toBe(true);
    expect(blocks.touches(WINDOW_BYTES * 4 + 1)).toBe(true);
    expect(blocks.touches(WINDOW_BYTES * 4)).toBe(false);
    expect(blocks.touches(WINDOW_BYTES * 5 + 1)).toBe(false);
  });
});

test('what comes back different is a mismatch that says where', async () => {
  const { sink } = memorySink(Buffer.alloc(DISK_BYTES));
  const blocks = new FinishingBlocks({ patches: [], stale: [], finishing: [{ startBytes: 0, lengthBytes: 512 }] });
  blocks.hold(0, [[0, 4096]], noise('x', WINDOW_BYTES));
  const forgetful: BlockSink = {
    ...sink,
    write: async (at, bytes) => sink.write(at, at === 512 ? bytes.map(() => 0) : bytes),
  };
  await expect(blocks.write(forgetful)).rejects.toMatchObject({ code: 'VERIFY_MISMATCH', data: { offsetBytes: 512 } });
});

test('a disk that is smaller than a table is cleared all the same', async () => {
  const { bytes, sink } = memorySink(Buffer.alloc(1000, 0xff));
  const blocks = new FinishingBlocks({ patches: [], stale: [], finishing: [{ startBytes: 0, lengthBytes: 512 }] });
  await blocks.clear(sink);
  expect(bytes.every((byte) => byte === 0)).toBe(true);
});
