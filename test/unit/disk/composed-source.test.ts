/** Sources laid side by side read as one; a cache of pages reads like what is behind it. */
import { describe, expect, it } from 'vitest';
import { composedSource, joinedSource } from '../../../src-engine/disk/composed-source.ts';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import { readCache } from '../../../src-engine/disk/read-cache.ts';
import { readBytes } from '../../../src-engine/disk/read.ts';
import { slice } from '../../../src-engine/disk/slice.ts';
import type { BlockSource, Extent } from '../../../src-engine/disk/block-source.port.ts';

const filled = (length: number, byte: number) => memorySource(Buffer.alloc(length, byte));
const signal = new AbortController().signal;

async function runsOf(source: BlockSource, start = 0, length = source.lengthBytes): Promise<Extent[]> {
  const runs: Extent[] = [];
  for await (const batch of source.dataRuns!(start, length, signal)) runs.push(...batch);
  return runs;
}

describe('composed', () => {
  const parts = [
    { startBytes: 10, source: filled(5, 1) },
    { startBytes: 15, source: filled(5, 2) },
    { startBytes: 30, source: filled(10, 3) },
  ];
  const expected = Buffer.alloc(50);
  expected.fill(1, 10, 15).fill(2, 15, 20).fill(3, 30, 40);

  it('reads every range as it should, with zeros between', async () => {
    const source = composedSource(parts, 50);
    for (let start = 0; start <= 50; start++) {
      for (let end = start; end <= 50; end++) {
        const into = Buffer.alloc(end - start, 0xee);
        await source.readInto(start, into);
        expect(into.equals(expected.subarray(start, end)), `${start}-${end}`).toBe(true);
      }
    }
  });

  it('tells where data may be, also through a slice and in a composition of compositions', async () => {
    const inner = composedSource([{ startBytes: 2, source: filled(3, 9) }], 10);
    const outer = composedSource([{ startBytes: 100, source: inner }], 200);
    expect(await runsOf(outer)).toEqual([{ startBytes: 102, lengthBytes: 3 }]);
    expect(await runsOf(slice(outer, 101, 50))).toEqual([{ startBytes: 1, lengthBytes: 3 }]);
    expect(await runsOf(composedSource(parts, 50), 12, 20)).toEqual([
      { startBytes: 12, lengthBytes: 3 },
      { startBytes: 15, lengthBytes: 5 },
      { startBytes: 30, lengthBytes: 2 },
    ]);
  });

  it('refuses parts that overlap or leave it', () => {
    expect(() => composedSource([parts[0], { startBytes: 14, source: filled(1, 1) }], 50)).toThrow(/FORMAT_INVALID/);
    expect(() => composedSource(parts, 39)).toThrow(/FORMAT_INVALID/);
  });

  it('joins files one behind the other', async () => {
    const joined = joinedSource([filled(3, 1), filled(0, 9), filled(4, 2)]);
    expect(await readBytes(joined, 0, 7)).toEqual(Buffer.from([1, 1, 1, 2, 2, 2, 2]));
  });
});

describe('read cache', () => {
  const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 31) & 0xff));
  function counted() {
    const source = memorySource(bytes);
    const reads: [number, number][] = [];
    const readInto = (offset: number, into: Uint8Array) => {
      reads.push([offset, into.length]);
      return source.readInto(offset, into);
    };
    return { reads, source: { ...source, readInto } };
  }

  it('reads the same bytes, each page once', async () => {
    const { reads, source } = counted();
    const cached = readCache(source);
    for (const [start, length] of [
      [0, 10],
      [65_530, 20],
      [299_990, 10],
      [5, 60_000],
    ] as const) {
      expect((await readBytes(cached, start, length)).equals(bytes.subarray(start, start + length))).toBe(true);
    }
    expect(reads).toEqual([
      [0, 65_536],
      [65_536, 65_536],
      [262_144, 37_856],
    ]);
  });

  it('reads what is asked for twice at once only once, keeps no more than its cap, and forgets what failed', async () => {
    const { reads, source } = counted();
    const cached = readCache(source, 2 * 65_536);
    await Promise.all([readBytes(cached, 1, 1), readBytes(cached, 2, 1)]);
    expect(reads).toHaveLength(1);
    for (const page of [1, 2, 0]) await readBytes(cached, page * 65_536, 1);
    expect(reads).toHaveLength(4);

    let fails = true;
    const broken = {
      ...source,
      readInto: (o: number, i: Uint8Array) => (fails ? Promise.reject(new Error('no')) : source.readInto(o, i)),
    };
    const overBroken = readCache(broken);
    await expect(readBytes(overBroken, 0, 1)).rejects.toThrow('no');
    fails = false;
    expect(await readBytes(overBroken, 31, 1)).toEqual(bytes.subarray(31, 32));
  });
});
