/** Two captures of one engine write to the store at the same time, and one of them gives up: the other's version is whole. */
import { existsSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { openDatabase } from '../../src-engine/catalog/database.ts';
import { quietContext } from '../../src-engine/core/job-context.ts';
import { auditFrames } from '../../src-engine/versions/audit-frames.ts';
import { ChunkIndex } from '../../src-engine/store/chunk-index.ts';
import { ManifestReader } from '../../src-engine/store/manifest-reader.ts';
import { HASH_BYTES } from '../../src-engine/store/pack-format.ts';
import { type PressPool, Presses } from '../../src-engine/store/press-pool.ts';
import type { StoreLayout } from '../../src-engine/store/store-layout.ts';
import { StoreWriter } from '../../src-engine/store/store-writer.ts';
import { pressUrl } from '../support/catalog-handle.ts';
import { noise } from '../support/disks.ts';
import { emptyStore } from '../support/store.ts';
import { MIB, run, workbench } from '../support/workbench.ts';

const bench = workbench();
const presses = new Presses(pressUrl);
afterAll(() => presses.close());
let count = 0;

function store() {
  const layout = emptyStore(bench.path(`store ${count++}`));
  const index = new ChunkIndex(openDatabase(layout.database), layout);
  const capture = async (name: string) => {
    const pool = presses.forJob(new AbortController().signal);
    const writer = new StoreWriter(layout, index, pool, 3);
    await writer.beginDisk(name);
    let order = 0;
    return {
      writer,
      pool,
      async add(content: string) {
        const memory = await pool.takeWindow();
        Buffer.from(memory).set(noise(content, 2 * MIB));
        await writer.add(order, 0, order, memory, Uint32Array.of(0, 2 * MIB), 4096);
        order++;
        pool.releaseWindow(memory);
      },
      finish: () => writer.finish(() => [{}]),
    };
  };
  return { layout, index, capture };
}

const packs = ({ packs: folder }: StoreLayout) =>
  existsSync(folder) ? run('find', folder, '-type', 'f').trim().split('\n').filter(Boolean) : [];

/** Every chunk that the manifest names is where the index says, and is what its name says. */
async function expectWhole(layout: StoreLayout, index: ChunkIndex, pool: PressPool, name: string) {
  const manifest = await ManifestReader.open(layout, name);
  const frames = new Map();
  for await (const { hashes } of manifest.records()) {
    for (let at = 0; at < hashes.length; at += HASH_BYTES) {
      const place = index.place(hashes.subarray(at, at + HASH_BYTES));
      expect(place).not.toBeNull();
      frames.set(place!.frame.id, place!.frame);
    }
  }
  await manifest.close();
  expect(frames.size).toBeGreaterThan(0);
  expect(await auditFrames(pool, index, [...frames.values()], quietContext())).toBeGreaterThan(0);
}

test('what one gives up and nobody else needs is gone', async () => {
  const { layout, capture } = store();
  const [a, b] = [await capture('a'), await capture('b')];
  await a.add('of a');
  await b.add('of b');
  await a.finish();
  await b.finish();
  expect(packs(layout)).toHaveLength(2);
  await a.writer.discard();
  expect(packs(layout)).toHaveLength(1);
  await b.writer.discard();
  expect(packs(layout)).toEqual([]);
});

test('a pack that another has found its content in outlives its maker', async () => {
  const { layout, index, capture } = store();
  const [a, b] = [await capture('a'), await capture('b')];
  await a.add('shared');
  await a.finish();
  await b.add('shared');
  await b.add('of b');
  await a.writer.discard();
  expect((await b.finish()).newBytes).toBeLessThan(3 * MIB);
  b.writer.keep();
  await expectWhole(layout, index, b.pool, 'b');
  expect(packs(layout)).toHaveLength(2);
});

test('and goes with the last that had built on it', async () => {
  const { layout, index, capture } = store();
  const [a, b, c] = [await capture('a'), await capture('b'), await capture('c')];
  await a.add('shared');
  await a.finish();
  await b.add('shared');
  await b.finish();
  await a.writer.discard();
  expect(packs(layout)).toHaveLength(1);
  await b.writer.discard();
  expect(packs(layout)).toEqual([]);
  await c.add('shared');
  await c.finish();
  c.writer.keep();
  await expectWhole(layout, index, c.pool, 'c');
});

test.each(['the first to enter it in the index', 'the second'])(
  'both store the same at the same moment, and %s gives up',
  async (which) => {
    const { layout, index, capture } = store();
    const [a, b] = [await capture('a'), await capture('b')];
    await a.add('shared');
    await b.add('shared');
    await a.finish();
    await b.finish();
    const [gone, stays, name] = which === 'the second' ? [b, a, 'a'] : [a, b, 'b'];
    await gone.writer.discard();
    stays.writer.keep();
    await expectWhole(layout, index, stays.pool, name);
  },
);

test('a version that was made keeps what it needs, whoever made it', async () => {
  const { layout, index, capture } = store();
  const [a, b] = [await capture('a'), await capture('b')];
  await a.add('shared');
  await a.finish();
  await b.add('shared');
  await b.finish();
  b.writer.keep();
  await a.writer.discard();
  await expectWhole(layout, index, b.pool, 'b');
});
