/**
 * Begin, held back, finish: what makes a disk look finished is cleared first and written last; nothing is written twice, nothing
 * forgotten.
 */
import { describe, expect, test } from 'vitest';
import type { JobContext } from '../../../../src-engine/core/job-context.ts';
import { quietContext } from '../../../../src-engine/core/job-context.ts';
import type { BlockSink, Extent } from '../../../../src-engine/disk/block-source.port.ts';
import { begin } from '../../../../src-engine/jobs/deploy/begin.ts';
import { edgesOf } from '../../../../src-engine/jobs/deploy/place.ts';
import { finish } from '../../../../src-engine/jobs/deploy/finish.ts';
import { HeldBack, MAX_HELD_BYTES } from '../../../../src-engine/jobs/deploy/held-back.ts';
import type { Target } from '../../../../src-engine/jobs/deploy/open-target.ts';
import { Overlay } from '../../../../src-engine/jobs/deploy/overlay.ts';
import { within } from '../../../../src-engine/volumes/extents.ts';
import type { Patch } from '../../../../src-engine/volumes/layout.port.ts';
import { WINDOW_BYTES } from '../../../../src-engine/store/chunking.ts';
import { noise } from '../../../support/disks.ts';
import { randomBelow } from '../../../support/temporary.ts';
import { memorySink } from './memory-sink.ts';

const DISK_BYTES = 2 * WINDOW_BYTES;
const MIB = 1024 * 1024;

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

/** Clears it of all looks, as a deploy begins. */
const begun = (sink: BlockSink, finishing: readonly Extent[]) => begin({ sink, placement: { finishing } });

async function finished(sink: BlockSink, held: HeldBack, context: JobContext = quietContext()) {
  let wasPublished = false;
  const target = { path: '/dev/x', sink, publish: async () => void (wasPublished = true) } as Partial<Target> as Target;
  const deployment = { sink, held, target, writtenBytes: 0, verifiedBytes: 0 };
  await finish(deployment, context);
  expect(wasPublished).toBe(true);
  expect(deployment.writtenBytes).toBe(deployment.verifiedBytes);
  return deployment.verifiedBytes;
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
    const [overlay, held] = [new Overlay(patches, stale), new HeldBack(finishing)];
    const before = Buffer.alloc(DISK_BYTES, 0xff);
    const { bytes, log, sink } = memorySink(before);
    await begun(sink, finishing);
    const cleared = Buffer.from(bytes);
    for (const { startBytes, lengthBytes } of finishing) {
      expect(cleared.subarray(startBytes, startBytes + lengthBytes).every((byte) => byte === 0)).toBe(true);
    }
    expect(log[0]).toEqual({ kind: 'write', from: 0, to: 4096 });
    expect(log.at(-1)).toEqual({ kind: 'sync' });
    log.length = 0;

    const expected = Buffer.from(cleared);
    for (const windowStart of [0, WINDOW_BYTES]) {
      const window = Buffer.from(template.subarray(windowStart, windowStart + WINDOW_BYTES));
      const used = within({ startBytes: windowStart, lengthBytes: WINDOW_BYTES }, runs);
      for (const { startBytes, lengthBytes } of used) {
        template.copy(expected, startBytes, startBytes, startBytes + lengthBytes);
      }
      for (const { startBytes, lengthBytes } of held.keep(
        overlay.lay(used, windowStart, window),
        windowStart,
        window,
      )) {
        const from = startBytes - windowStart;
        await sink.write(startBytes, window.subarray(from, from + lengthBytes));
      }
    }
    for (const { offsetBytes, bytes: patch } of overlay.rest()) {
      const extent = { startBytes: offsetBytes, lengthBytes: patch.length };
      for (const { startBytes, lengthBytes } of held.keep([extent], offsetBytes, patch)) {
        const from = startBytes - offsetBytes;
        await sink.write(startBytes, patch.subarray(from, from + lengthBytes));
      }
    }
    for (const { startBytes, lengthBytes } of stale)
      cleared.copy(expected, startBytes, startBytes, startBytes + lengthBytes);
    for (const { offsetBytes, bytes: patch } of patches) expected.set(patch, offsetBytes);
    const filled = log.length;
    expect(await finished(sink, held)).toBe(held.lengthBytes);
    expect(bytes.equals(expected)).toBe(true);

    const written = log.flatMap((step) => (step.kind === 'write' ? [step] : []));
    // no byte twice
    const ascending = written.toSorted((a, b) => a.from - b.from);
    ascending.slice(1).forEach(({ from }, i) => expect(from).toBeGreaterThanOrEqual(ascending[i].to));
    // what makes it look finished comes after a sync of all the rest, and is synced itself
    const isFinishing = ({ from, to }: { from: number; to: number }) =>
      finishing.some(({ startBytes, lengthBytes }) => from < startBytes + lengthBytes && startBytes < to);
    expect(log[filled]).toEqual({ kind: 'sync' });
    log.forEach((step, i) => {
      if (step.kind === 'write') expect(isFinishing(step)).toBe(i > filled);
    });
    expect(log.at(-1)).toEqual({ kind: 'sync' });
    // and the first sector is written alone, when all else is on the disk
    expect(log.findLastIndex((step) => step.kind === 'sync' && step !== log.at(-1))).toBe(log.length - 3);
    expect(log.at(-2)).toEqual({ kind: 'write', from: 0, to: 512 });
  });

  test('what is held is counted, and is not more than what makes a disk look finished', () => {
    const held = new HeldBack(finishing);
    const left = held.keep(runs, 0, template);
    const all = (extents: readonly Extent[]) => extents.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
    expect(held.lengthBytes).toBe(all(runs) - all(left));
    expect(held.lengthBytes).toBe(all(finishing.flatMap((place) => within(place, runs))));
  });
});

test('what is held of a volume is given back for a stage that works on it, and is not written again', async () => {
  const template = noise('released', DISK_BYTES);
  const held = new HeldBack(edgesOf(DISK_BYTES, DISK_BYTES));
  held.keep([{ startBytes: 0, lengthBytes: DISK_BYTES }], 0, template);
  const volume = { startBytes: 63 * 512, lengthBytes: DISK_BYTES };
  const { bytes, sink } = memorySink(Buffer.alloc(DISK_BYTES));
  for (const { offsetBytes, bytes: part } of held.release(volume)) await sink.write(offsetBytes, part);
  expect(held.lengthBytes).toBe(63 * 512);
  expect(held.release(volume)).toEqual([]);
  const expected = Buffer.alloc(DISK_BYTES);
  template.copy(expected, 63 * 512, 63 * 512, MIB);
  template.copy(expected, DISK_BYTES - MIB, DISK_BYTES - MIB);
  expect(bytes.equals(expected)).toBe(true);
  expect(await finished(sink, held)).toBe(63 * 512);
  expect(bytes.subarray(0, MIB).equals(template.subarray(0, MIB))).toBe(true);
});

test('the windows that hold any of it are known', () => {
  const window = (startBytes: number) => ({ startBytes, lengthBytes: WINDOW_BYTES });
  const place = { startBytes: WINDOW_BYTES * 5, lengthBytes: 1 };
  for (const places of [
    new HeldBack([place]),
    new Overlay([], [place]),
    new Overlay([{ offsetBytes: place.startBytes, bytes: Buffer.alloc(1) }], []),
  ]) {
    expect(places.touches(window(WINDOW_BYTES * 5))).toBe(true);
    expect(places.touches(window(WINDOW_BYTES * 4 + 1))).toBe(true);
    expect(places.touches(window(WINDOW_BYTES * 4))).toBe(false);
    expect(places.touches(window(WINDOW_BYTES * 5 + 1))).toBe(false);
  }
});

test('of two changes of the same bytes the later one counts', () => {
  const overlay = new Overlay(
    [
      { offsetBytes: 10, bytes: Buffer.from('aaaaaaaa') },
      { offsetBytes: 12, bytes: Buffer.from('bb') },
    ],
    [{ startBytes: 0, lengthBytes: 12 }],
  );
  const memory = Buffer.from('0123456789------xyz');
  const runs = overlay.lay([{ startBytes: 100 - 100, lengthBytes: 15 }], 0, memory);
  expect(memory.toString()).toBe('0123456789aabba-xyz');
  expect(runs).toEqual([{ startBytes: 10, lengthBytes: 5 }]);
  expect(overlay.rest()).toEqual([{ offsetBytes: 15, bytes: Buffer.from('aaa') }]);
  expect(overlay.unchanged([{ startBytes: 5, lengthBytes: 20 }])).toEqual([
    { startBytes: 5, lengthBytes: 5 },
    { startBytes: 18, lengthBytes: 7 },
  ]);
});

test('more than the largest tables is not held', () => {
  const places = [{ startBytes: 0, lengthBytes: MAX_HELD_BYTES + 1 }];
  expect(() => new HeldBack(places)).toThrow(expect.objectContaining({ code: 'FORMAT_UNSUPPORTED' }));
  // bytes that a damaged manifest gives again and again
  const held = new HeldBack([{ startBytes: 0, lengthBytes: MAX_HELD_BYTES }]);
  const memory = Buffer.alloc(MAX_HELD_BYTES);
  held.keep([{ startBytes: 0, lengthBytes: MAX_HELD_BYTES }], 0, memory);
  expect(() => held.keep([{ startBytes: 0, lengthBytes: 1 }], 0, memory)).toThrow(
    expect.objectContaining({ code: 'MANIFEST_DAMAGED' }),
  );
});

test('what comes back different is a mismatch that says where, and gives no name', async () => {
  const { sink } = memorySink(Buffer.alloc(DISK_BYTES));
  const held = new HeldBack([{ startBytes: 0, lengthBytes: 4096 }]);
  held.keep([{ startBytes: 0, lengthBytes: 4096 }], 0, noise('x', WINDOW_BYTES));
  const forgetful: BlockSink = {
    ...sink,
    write: async (at, bytes) => sink.write(at, at === 512 ? bytes.map(() => 0) : bytes),
  };
  await expect(finished(forgetful, held)).rejects.toMatchObject({
    code: 'VERIFY_MISMATCH',
    data: { offsetBytes: 512 },
  });
});

test('a disk that is smaller than a table is cleared all the same', async () => {
  const { bytes, sink } = memorySink(Buffer.alloc(1000, 0xff));
  await begun(sink, edgesOf(1000, 1000));
  expect(bytes.every((byte) => byte === 0)).toBe(true);
});

test('both ends of a target are cleared, and where the end of the template comes to lie', async () => {
  const { bytes, sink } = memorySink(Buffer.alloc(DISK_BYTES, 0xff));
  const templateBytes = DISK_BYTES - 3 * MIB;
  await begun(sink, edgesOf(DISK_BYTES, templateBytes));
  const expected = Buffer.alloc(DISK_BYTES, 0xff);
  for (const start of [0, DISK_BYTES - MIB, templateBytes - MIB]) expected.fill(0, start, start + MIB);
  expect(bytes.equals(expected)).toBe(true);
});

test('a new file has nothing to be cleared', async () => {
  const { log, sink } = memorySink(Buffer.alloc(DISK_BYTES));
  await begun({ ...sink, isEmpty: true }, [{ startBytes: 0, lengthBytes: 512 }]);
  expect(log).toEqual([]);
});

test('what was read back through the cache is told', async () => {
  const { sink } = memorySink(Buffer.alloc(DISK_BYTES));
  const context = quietContext();
  const warnings: unknown[] = [];
  await finished({ ...sink, readBack: 'cached' }, new HeldBack([]), {
    ...context,
    warn: (one) => void warnings.push(one),
  });
  expect(warnings).toEqual([{ code: 'READ_BACK_CACHED', data: { path: '/dev/x' } }]);
});

test('what is put over held bytes is held in their place, and the rest of it is not', () => {
  const template = noise('put', DISK_BYTES);
  const held = new HeldBack(edgesOf(DISK_BYTES, DISK_BYTES));
  held.keep([{ startBytes: 0, lengthBytes: DISK_BYTES }], 0, template);
  const before = held.lengthBytes;
  const table = noise('table', 512);
  expect(held.put({ offsetBytes: 512, bytes: table })).toEqual([]);
  // across the edge: what is behind it belongs on the disk now
  const across = noise('across', 4096);
  const [rest, ...more] = held.put({ offsetBytes: MIB - 1024, bytes: across });
  expect([rest.offsetBytes, Buffer.from(rest.bytes).equals(across.subarray(1024)), more]).toEqual([MIB, true, []]);
  // neither is held what was there
  expect(held.lengthBytes).toBe(before);
  const memory = Buffer.alloc(DISK_BYTES);
  held.lay(0, memory);
  const expected = Buffer.from(template.subarray(0, MIB));
  table.copy(expected, 512);
  across.copy(expected, MIB - 1024, 0, 1024);
  expect(memory.subarray(0, MIB).equals(expected)).toBe(true);
});
