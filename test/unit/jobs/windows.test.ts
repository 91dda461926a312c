/** From a disk's used extents to windows, and from a window's record to the places of its chunks. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openDatabase } from '../../../src-engine/catalog/database.ts';
import type { Extent } from '../../../src-engine/disk/block-source.port.ts';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import type { InspectedDisk } from '../../../src-engine/inspection/disk-inspection.ts';
import { regionsOf, usedWindows, type UsedWindow } from '../../../src-engine/versions/regions.ts';
import { chunksOf } from '../../../src-engine/versions/window-chunks.ts';
import { ChunkIndex } from '../../../src-engine/store/chunk-index.ts';
import { WINDOW_BYTES } from '../../../src-engine/store/chunking.ts';
import { emptyStore, frameOf, sha256, writePack } from '../../support/store.ts';
import { randomBelow, temporaryFolder } from '../../support/temporary.ts';

const folder = temporaryFolder();

function diskWith(metadata: Extent[], startBytes: number, blockBytes: number, batches: Extent[][]): InspectedDisk {
  const partition = {
    number: 1,
    startBytes,
    lengthBytes: 10 * WINDOW_BYTES,
    typeId: '',
    name: '',
    isLogical: false,
    isBootable: false,
  };
  return {
    source: memorySource(new Uint8Array(512)),
    layout: { metadata, partitions: [partition] },
    volumes: [
      {
        partition,
        unitBytes: blockBytes,
        async *used() {
          yield* batches;
        },
      },
    ],
  } as unknown as InspectedDisk;
}

const NOTHING_OUTSIDE = { knownIn: () => [], readIn: () => [] };

async function windowsOf(disk: InspectedDisk): Promise<UsedWindow[]> {
  const windows: UsedWindow[] = [];
  for await (const window of usedWindows(disk, NOTHING_OUTSIDE, new AbortController().signal)) windows.push(window);
  return windows;
}

test('used extents become windows that hold the same bytes, in order', async () => {
  for (let seed = 1; seed <= 30; seed++) {
    const below = randomBelow(seed);
    const extents: Extent[] = [];
    for (let at = below(WINDOW_BYTES); at < 9 * WINDOW_BYTES;) {
      const lengthBytes = 512 * (1 + below(below(4) ? 100 : 40_000));
      extents.push({ startBytes: at, lengthBytes });
      at += lengthBytes + (below(3) ? 512 * (1 + below(20_000)) : 0);
    }
    const cut = 1 + below(extents.length);
    const windows = await windowsOf(
      diskWith([{ startBytes: 0, lengthBytes: 1024 }], 4096, 4096, [extents.slice(0, cut), extents.slice(cut)]),
    );
    expect(windows[0]).toMatchObject({ region: 0, window: 0, unitBytes: 512, extents: Uint32Array.of(0, 1024) });
    const volume = windows.slice(1);
    expect(volume.every(({ region, unitBytes }) => region === 1 && unitBytes === 4096)).toBe(true);
    const numbers = volume.map(({ window }) => window);
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));

    const joined = (list: Extent[]) => {
      const all: Extent[] = [];
      for (const extent of list) {
        const last = all.at(-1);
        if (last && last.startBytes + last.lengthBytes === extent.startBytes) {
          all[all.length - 1] = { startBytes: last.startBytes, lengthBytes: last.lengthBytes + extent.lengthBytes };
        } else all.push(extent);
      }
      return all;
    };
    const found = volume.flatMap(({ window, extents: runs }) =>
      Array.from({ length: runs.length / 2 }, (_, i) => ({
        startBytes: window * WINDOW_BYTES + runs[2 * i],
        lengthBytes: runs[2 * i + 1],
      })),
    );
    expect(joined(found)).toEqual(joined(extents));
  }
});

test('nothing used gives no windows; large blocks are cut in units of 4096', async () => {
  expect(await windowsOf(diskWith([], 0, 4096, []))).toEqual([]);
  const [window] = await windowsOf(diskWith([], 0, 65_536, [[{ startBytes: 65_536, lengthBytes: 65_536 }]]));
  expect(window.unitBytes).toBe(4096);
  const disk = diskWith([], 1024, 512, []);
  expect(regionsOf(disk)).toEqual([
    { startBytes: 0, lengthBytes: 512 },
    { startBytes: 1024, lengthBytes: 10 * WINDOW_BYTES },
  ]);
});

test('chunks get the pieces of the runs that they were cut from', async () => {
  const layout = emptyStore(join(folder, 'store'));
  const index = new ChunkIndex(openDatabase(layout.database), layout);
  const chunks = [Buffer.alloc(5000, 'a'), Buffer.alloc(3000, 'b')];
  index.addPack(await writePack(layout, [frameOf(chunks)]));
  const record = {
    region: 1,
    window: 0,
    extents: Uint32Array.of(0, 2000, 10_000, 4000, 50_000, 6000),
    lengths: Uint32Array.of(5000, 4000, 3000),
    hashes: Buffer.concat([sha256(chunks[0]), Buffer.alloc(32), sha256(chunks[1])]),
  };
  const found = chunksOf(index, record);
  expect(found.map(({ pieces, offsetInFrame, frame }) => [pieces, offsetInFrame, frame?.offset])).toEqual([
    [[0, 2000, 10_000, 3000], 0, 32],
    [[13_000, 1000, 50_000, 3000], 0, undefined],
    [[53_000, 3000], 5000, 32],
  ]);
  const missing = { ...record, hashes: Buffer.alloc(96, 7) };
  expect(() => chunksOf(index, missing)).toThrow(expect.objectContaining({ code: 'CHUNK_MISSING' }));
  const other = { ...record, lengths: Uint32Array.of(5001, 3999, 3000) };
  expect(() => chunksOf(index, other)).toThrow(expect.objectContaining({ code: 'MANIFEST_DAMAGED' }));
});
