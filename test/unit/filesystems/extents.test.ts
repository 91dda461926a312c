import { expect, test } from 'vitest';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import type { Extent } from '../../../src-engine/disk/block-source.port.ts';
import { joinTouching, wholeVolume } from '../../../src-engine/filesystems/extents.ts';

const extent = (startBytes: number, endBytes: number): Extent => ({ startBytes, lengthBytes: endBytes - startBytes });

async function joined(...batches: Extent[][]): Promise<Extent[]> {
  const all: Extent[] = [];
  const source = (async function* () {
    yield* batches;
  })();
  for await (const batch of joinTouching(source)) all.push(...batch);
  return all;
}

test('joins what touches, inside a batch and across batches', async () => {
  expect(await joined([extent(0, 10), extent(10, 20)], [extent(20, 30), extent(40, 50)], [], [extent(50, 60)])).toEqual(
    [extent(0, 30), extent(40, 60)],
  );
});

test('keeps a gap, also the one in front', async () => {
  expect(await joined([extent(5, 10)], [extent(11, 12)])).toEqual([extent(5, 10), extent(11, 12)]);
});

test('nothing stays nothing', async () => {
  expect(await joined()).toEqual([]);
  expect(await joined([], [])).toEqual([]);
});

test('a whole volume is one extent, an empty one none', async () => {
  const read = async (length: number) => {
    const batches: Extent[][] = [];
    for await (const batch of wholeVolume(memorySource(Buffer.alloc(length)))) batches.push(batch);
    return batches;
  };
  expect(await read(7)).toEqual([[extent(0, 7)]]);
  expect(await read(0)).toEqual([]);
});
