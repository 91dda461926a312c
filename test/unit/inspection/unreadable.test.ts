import { expect, test } from 'vitest';
import { EngineError } from '../../../src-engine/core/engine-error.ts';
import type { BlockSource } from '../../../src-engine/disk/block-source.port.ts';
import {
  damagedSource,
  filledSource,
  sourceWithout,
  UnreadablePlaces,
} from '../../../src-engine/inspection/unreadable.ts';

const MIB = 1024 * 1024;
const { signal } = new AbortController();

/** A disk of the byte 7 whose ranges [start, end) in `bad` cannot be read. */
function disk(lengthBytes: number, bad: readonly (readonly [number, number])[], physicalSectorBytes = 512) {
  const failed: [number, number][] = [];
  const source: BlockSource = {
    lengthBytes,
    sectorBytes: 512,
    physicalSectorBytes,
    async readInto(offsetBytes, into) {
      const end = offsetBytes + into.length;
      if (bad.some(([from, to]) => from < end && to > offsetBytes)) {
        failed.push([offsetBytes, end]);
        throw new EngineError('READ_FAILED', { offsetBytes });
      }
      into.fill(7);
    },
    async close() {},
  };
  return { source, failed };
}

async function readAll(source: BlockSource, pieceBytes: number): Promise<Buffer> {
  const all = Buffer.alloc(source.lengthBytes);
  for (let at = 0; at < all.length; at += pieceBytes) await source.readInto(at, all.subarray(at, at + pieceBytes));
  return all;
}

test.each([
  [512, [100_000, 100_001], [98_304, 102_400]],
  [512, [0, 4096], [0, 4096]],
  [512, [4095, 4097], [0, 8192]],
  [16_384, [100_000, 100_001], [98_304, 114_688]],
])('physical sectors of %i bytes, bad %j: lost %j and no more', async (sectorBytes, bad, [start, end]) => {
  const places = new UnreadablePlaces();
  const { source } = disk(MIB, [bad as [number, number]], sectorBytes);
  const bytes = await readAll(filledSource(source, places, signal), 300_000);
  expect(places.lengthBytes).toBe(end - start);
  expect(places.extents).toEqual([{ startBytes: start, lengthBytes: end - start }]);
  expect(
    bytes.equals(Buffer.concat([Buffer.alloc(start, 7), Buffer.alloc(end - start), Buffer.alloc(MIB - end, 7)])),
  ).toBe(true);
});

test('pieces that begin and end between sectors are cut at sectors', async () => {
  const places = new UnreadablePlaces();
  const { source } = disk(MIB, [[8192, 8193]]);
  const into = Buffer.alloc(20_000);
  await filledSource(source, places, signal).readInto(100, into);
  expect(places.extents).toEqual([{ startBytes: 8192, lengthBytes: 4096 }]);
  expect(into.subarray(0, 8092).every((byte) => byte === 7)).toBe(true);
});

test('a disk that is dead to its end costs few reads; what comes before is whole', async () => {
  const lengthBytes = 1024 * MIB;
  const places = new UnreadablePlaces();
  const { source, failed } = disk(lengthBytes, [[3 * MIB, lengthBytes]]);
  const filled = filledSource(source, places, signal);
  const [piece, sevens, zeros] = [Buffer.alloc(MIB), Buffer.alloc(MIB, 7), Buffer.alloc(MIB)];
  for (let at = 0; at < lengthBytes; at += MIB) {
    await filled.readInto(at, piece);
    expect(piece.equals(at < 3 * MIB ? sevens : zeros)).toBe(true);
  }
  expect(places.extents).toEqual([{ startBytes: 3 * MIB, lengthBytes: lengthBytes - 3 * MIB }]);
  expect(failed.length).toBeLessThan(1500);
});

test('where a long failure ends, no more than twice of it is lost; a later bad sector alone loses itself alone', async () => {
  const lengthBytes = 64 * MIB;
  const places = new UnreadablePlaces();
  const { source } = disk(lengthBytes, [
    [MIB, 9 * MIB],
    [50 * MIB, 50 * MIB + 1],
  ]);
  await readAll(filledSource(source, places, signal), MIB);
  const [first, second] = places.extents;
  expect(first.startBytes).toBe(MIB);
  expect(first.lengthBytes).toBeGreaterThanOrEqual(8 * MIB);
  expect(first.lengthBytes).toBeLessThanOrEqual(16 * MIB);
  expect(second).toEqual({ startBytes: 50 * MIB, lengthBytes: 4096 });
});

test('a thousand places are kept, all bytes are counted', async () => {
  const places = new UnreadablePlaces();
  for (let i = 4999; i >= 0; i--) places.add(i * 10_000, 512);
  expect(places.lengthBytes).toBe(5000 * 512);
  expect(places.extents).toHaveLength(1000);
});

test('a cancel ends the trying', async () => {
  const aborted = new AbortController();
  const { source, failed } = disk(64 * MIB, [[0, 64 * MIB]]);
  const reading = filledSource(source, null, aborted.signal).readInto(0, Buffer.alloc(64 * MIB));
  aborted.abort();
  await expect(reading).rejects.toThrow(/abort/i);
  expect(failed.length).toBeLessThan(5);
});

test('other errors are no bad sectors', async () => {
  const places = new UnreadablePlaces();
  const gone: BlockSource = {
    ...disk(MIB, []).source,
    readInto: () => Promise.reject(new EngineError('DEVICE_CHANGED')),
  };
  await expect(filledSource(gone, places, signal).readInto(0, Buffer.alloc(10))).rejects.toMatchObject({
    code: 'DEVICE_CHANGED',
  });
  expect(places.lengthBytes).toBe(0);
});

test('known places are not asked for again', async () => {
  const { source, failed } = disk(MIB, [
    [4096, 8192],
    [20_480, 24_576],
  ]);
  const known = [
    { startBytes: 4096, lengthBytes: 4096 },
    { startBytes: 20_480, lengthBytes: 4096 },
  ];
  for (const [from, to] of [
    [0, 30_000],
    [5000, 6000],
    [6000, 21_000],
    [8192, 20_480],
  ]) {
    const into = Buffer.alloc(to - from, 1);
    await sourceWithout(source, known).readInto(from, into);
    for (let i = 0; i < into.length; i++) {
      const at = from + i;
      const isKnown = known.some(({ startBytes, lengthBytes }) => at >= startBytes && at < startBytes + lengthBytes);
      if (into[i] !== (isKnown ? 0 : 7)) throw new Error(`byte ${at} is ${into[i]}`);
    }
  }
  expect(failed).toEqual([]);
});

test('to a look at what is on the disk, bad sectors are damage', async () => {
  const { source } = disk(MIB, [[4096, 8192]]);
  const into = Buffer.alloc(512);
  await expect(damagedSource(source).readInto(4096, into)).rejects.toMatchObject({ code: 'FORMAT_INVALID' });
  await damagedSource(source).readInto(0, into);
  expect(into[0]).toBe(7);
});
