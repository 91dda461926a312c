/**
 * One read feeds several targets. The template and the presses are real, and what is written is files; made up are the ways in which a
 * target is slow, hangs or fails.
 */
import { constants, readFileSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { toEngineError } from '../../src-engine/core/engine-error.ts';
import { quietContext } from '../../src-engine/core/job-context.ts';
import type { BlockSink } from '../../src-engine/disk/block-source.port.ts';
import { createFileSink } from '../../src-engine/formats/raw/file-sink.ts';
import type { CatalogHandle } from '../../src-engine/host/catalog-handle.ts';
import { Feeds, type Feeding } from '../../src-engine/jobs/deploy/feed.ts';
import { Filler } from '../../src-engine/jobs/deploy/filler.ts';
import { HeldBack } from '../../src-engine/jobs/deploy/held-back.ts';
import { Overlay } from '../../src-engine/jobs/deploy/overlay.ts';
import { diskOf } from '../../src-engine/versions/found-disk.ts';
import { openEngine, resultOf } from '../support/engine.ts';
import { openCatalog } from '../support/catalog-handle.ts';
import { noise } from '../support/disks.ts';
import { MIB, run, workbench } from '../support/workbench.ts';

const bench = workbench();
const catalog = bench.path('catalog');
const disk = bench.path('disk.img');
/** Many windows of noise and of zeros. */
const DISK_BYTES = 136 * MIB;
let handle: CatalogHandle;
const sinks: BlockSink[] = [];

beforeAll(async () => {
  const bytes = noise('fed', DISK_BYTES);
  bytes.fill(0, 40 * MIB, 90 * MIB);
  bytes.fill(0, 0, MIB);
  writeFileSync(disk, bytes);
  const engine = await openEngine(catalog);
  resultOf(await engine.capture(disk, 'fed'));
  await engine.close();
  handle = openCatalog(catalog);
});
afterAll(() => handle.close());
afterEach(async () => {
  for (const sink of sinks.splice(0)) await sink.close();
});

interface Fed {
  readonly path: string;
  readonly sink: BlockSink;
  readonly filling: { writtenBytes: number; verifiedBytes: number };
  readonly filler: Filler;
  /** windows whose ends it was told */
  readonly done: number[];
  feeding: Feeding;
}

/** @param slowed what a write of this target does first */
async function target(name: string, slowed: (offsetBytes: number) => Promise<void> = async () => {}): Promise<Fed> {
  const path = bench.path(`${name}.img`);
  const file = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC);
  await file.truncate(DISK_BYTES);
  const facts = { lengthBytes: DISK_BYTES, sectorBytes: 512, physicalSectorBytes: 512 };
  const honest = await createFileSink(file, path, facts, false);
  const sink: BlockSink = {
    ...honest,
    readBack: honest.readBack,
    async write(at, bytes) {
      await slowed(at);
      await honest.write(at, bytes);
    },
  };
  sinks.push(honest);
  // a disk without a table is one region
  const regions = [
    { startBytes: 0, lengthBytes: DISK_BYTES },
    { startBytes: 0, lengthBytes: DISK_BYTES },
  ];
  const filling = {
    json: { regions },
    placement: { regions, taken: [] },
    overlay: new Overlay([], []),
    held: new HeldBack([]),
    sink,
    writtenBytes: 0,
    verifiedBytes: 0,
  };
  const done: number[] = [];
  const context = { ...quietContext(), advance: (bytes: number) => void done.push(bytes) };
  return { path, sink, filling, filler: new Filler(filling, context), done, feeding: null as unknown as Feeding };
}

const foundDisk = () => diskOf(handle.parts.templates.find('fed'), 1);

/** All of them at one feed. */
function fed(targets: Fed[], signal = new AbortController().signal): Promise<void>[] {
  const feed = new Feeds(handle.parts).of(foundDisk(), signal);
  for (const one of targets) one.feeding = feed.expect();
  return targets.map(({ feeding, filler }) => feeding.fill(filler));
}

const whole = ({ path, filling, done }: Fed) => {
  run('cmp', disk, path);
  expect(filling.verifiedBytes).toBe(DISK_BYTES);
  expect(done.reduce((sum, bytes) => sum + bytes, 0)).toBe(DISK_BYTES);
};

test('each of several gets everything', async () => {
  const targets = [await target('a'), await target('b'), await target('c')];
  await Promise.all(fed(targets));
  targets.forEach(whole);
});

test('one that fails is told alone', async () => {
  const failing = await target('failing', async (at) => {
    if (at > 50 * MIB) throw new Error('unplugged');
  });
  const good = [await target('a'), await target('b')];
  const [first, failed, second] = fed([good[0], failing, good[1]]);
  await expect(failed).rejects.toThrow('unplugged');
  await Promise.all([first, second]);
  good.forEach(whole);
});

test('one that hangs holds nobody up, and ends when it is cancelled', async () => {
  const stuck = Promise.withResolvers<void>();
  const hanging = await target('hanging', async (at) => {
    if (at > 20 * MIB) await stuck.promise;
  });
  const good = [await target('a'), await target('b')];
  const [hung, ...others] = fed([hanging, ...good]);
  await Promise.all(others);
  good.forEach(whole);
  stuck.reject(new Error('gone'));
  await expect(hung).rejects.toThrow('gone');
});

test('one that is slow goes on by itself when the others are done, from where it was', async () => {
  let written = 0;
  const ends: string[] = [];
  const slow = await target('slow', async () => {
    written++;
    if (ends.length === 0) await sleep(1500);
  });
  const fast = [await target('a'), await target('b')];
  const [slowly, ...others] = fed([slow, ...fast]);
  await Promise.all(others.map((one, i) => one.then(() => ends.push(fast[i].path))));
  expect(ends).toHaveLength(2);
  fast.forEach(whole);
  expect(slow.done.length).toBeLessThan(fast[0].done.length);
  await slowly;
  whole(slow);
  // nothing was written twice
  expect(slow.filling.writtenBytes).toBe(DISK_BYTES);
  expect(written).toBe(slow.done.length);
});

test('one that does not come is not waited for', async () => {
  const feed = new Feeds(handle.parts).of(foundDisk(), new AbortController().signal);
  const [one, other] = [feed.expect(), feed.expect()];
  const good = await target('a');
  const ended = one.fill(good.filler);
  other.end();
  other.end();
  await ended;
  whole(good);
});

test('one that is long in coming is fed by itself', async () => {
  const feed = new Feeds(handle.parts, 100).of(foundDisk(), new AbortController().signal);
  const [early, late] = [feed.expect(), feed.expect()];
  const [first, second] = [await target('a'), await target('b')];
  await early.fill(first.filler);
  whole(first);
  await late.fill(second.filler);
  whole(second);
});

test('a cancel ends them all', async () => {
  const cancelled = new AbortController();
  const targets = [await target('a', () => sleep(50)), await target('b', () => sleep(50))];
  const all = fed(targets, cancelled.signal);
  setTimeout(() => cancelled.abort(), 200);
  const errors = await Promise.all(all.map((one) => one.catch((error: unknown) => toEngineError(error).code)));
  expect(errors).toEqual(['ABORTED', 'ABORTED']);
  for (const { path } of targets) expect(readFileSync(path).equals(readFileSync(disk))).toBe(false);
});

test('a template that is deleted and forgotten once it was found is deployed all the same', async () => {
  const good = await target('a');
  const feed = new Feeds(handle.parts).of(foundDisk(), new AbortController().signal).expect();
  handle.parts.templates.delete('fed');
  handle.parts.templates.emptyBin();
  await feed.fill(good.filler);
  whole(good);
});
