/**
 * What a deploy changes on its way: windows that are changed are verified by what they must be then. The template, the presses and the
 * files are real; the one thing made up is a target that lies.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { COMMANDS } from '../../src-engine/contract/commands.ts';
import { quietContext } from '../../src-engine/core/job-context.ts';
import type { BlockSink, Extent } from '../../src-engine/disk/block-source.port.ts';
import { createFileSink } from '../../src-engine/formats/raw/file-sink.ts';
import type { CatalogHandle } from '../../src-engine/host/catalog-handle.ts';
import { KeptLooks } from '../../src-engine/inspection/kept-looks.ts';
import { planCapture } from '../../src-engine/jobs/capture/plan.ts';
import { runCapture } from '../../src-engine/jobs/capture/run.ts';
import { fill } from '../../src-engine/jobs/deploy/fill.ts';
import { HeldBack } from '../../src-engine/jobs/deploy/held-back.ts';
import { Overlay } from '../../src-engine/jobs/deploy/overlay.ts';
import { place } from '../../src-engine/jobs/deploy/place.ts';
import { MAX_CHUNK_BYTES, WINDOW_BYTES } from '../../src-engine/store/chunking.ts';
import { diskOf } from '../../src-engine/versions/found-disk.ts';
import type { Region } from '../../src-engine/versions/regions.ts';
import { withManifest } from '../../src-engine/versions/with-manifest.ts';
import type { Patch } from '../../src-engine/volumes/layout.port.ts';
import { feedOf } from '../support/feed.ts';
import { openCatalog } from '../support/catalog-handle.ts';
import { makeGptDisk, noise, place as putPart } from '../support/disks.ts';
import { MIB, run, runWithInput, workbench } from '../support/workbench.ts';

const bench = workbench();
let handle: CatalogHandle;

const DISK_BYTES = 28 * MIB;
/** Zeros between noise, and a part that belongs to nobody: a partition that the table does not speak of. */
const disk = bench.path('disk.img');
const PART = { startBytes: MIB, lengthBytes: 26 * MIB };

beforeAll(async () => {
  const bytes = Buffer.alloc(DISK_BYTES);
  bytes.set(noise('content', 22 * MIB), PART.startBytes);
  bytes.fill(0, 10 * MIB, 13 * MIB);
  writeFileSync(disk, bytes);
  runWithInput(`2048,${PART.lengthBytes / 512},83\n`, 'sfdisk', '-q', '--wipe', 'never', '-X', 'dos', disk);
  handle = openCatalog(bench.path('catalog'));
  await captured(disk, 'disk');
});
afterAll(() => handle.close());

async function captured(source: string, name: string): Promise<void> {
  const asked = COMMANDS['capture.plan'].params.parse({ source, name });
  const expiresAt = new Date(Date.now() + 600_000).toISOString();
  const { record } = await planCapture(handle.parts, new KeptLooks(0), asked, expiresAt, new AbortController().signal);
  await runCapture(handle.parts, record, quietContext());
}

interface Fill {
  readonly changes?: readonly Patch[];
  readonly leftOut?: readonly Extent[];
  readonly heldBack?: readonly Extent[];
  /** of what the target holds before: a byte everywhere, or all of it */
  readonly fill?: number | Buffer;
  readonly readsFirst?: boolean;
  /** where the partition goes */
  placed?(region: Region): Region | null;
  /** where something else has come to lie */
  readonly taken?: readonly Extent[];
  /** @returns what the target writes in place of what it was told to */
  lie?(offsetBytes: number, bytes: Uint8Array): Uint8Array;
}

/** Fills a target that was `0xff` before, or a new file. */
async function fillFile(
  path: string,
  {
    changes = [],
    leftOut = [],
    heldBack = [],
    fill: old,
    readsFirst = false,
    lie,
    placed = (one) => one,
    taken = [],
  }: Fill,
) {
  rmSync(path, { force: true });
  if (typeof old === 'number') bench.file(path.slice(bench.folder.length + 1), DISK_BYTES, old);
  if (old instanceof Buffer) writeFileSync(path, old);
  const file = await open(path, constants.O_RDWR | constants.O_CREAT);
  await file.truncate(DISK_BYTES);
  const facts = { lengthBytes: DISK_BYTES, sectorBytes: 512, physicalSectorBytes: 512 };
  const honest = await createFileSink(file, path, facts, old === undefined);
  const sink: BlockSink = {
    ...honest,
    readBack: honest.readBack,
    write: (at, bytes) => honest.write(at, lie ? lie(at, bytes) : bytes),
  };
  const { parts } = handle;
  const held = new HeldBack(heldBack);
  const context = quietContext();
  const found = diskOf(parts.templates.find('disk'), 1);
  try {
    return await withManifest(parts, found, async (manifest, json) => {
      const feed = feedOf(parts, found, context);
      const filling = {
        parts,
        plan: { readsFirst },
        placement: { regions: json.regions.map((region, i) => (i === 0 ? region : placed(region))), taken },
        manifest,
        json,
        feed,
        held,
        sink,
        overlay: new Overlay(changes, leftOut),
        writtenBytes: 0,
        verifiedBytes: 0,
      };
      await fill(filling, context);
      const { writtenBytes, verifiedBytes } = filling;
      return { writtenBytes, verifiedBytes, heldBytes: held.lengthBytes };
    });
  } finally {
    await sink.close();
  }
}

const patch = (offsetBytes: number, lengthBytes: number): Patch => ({
  offsetBytes,
  bytes: noise(`patch at ${offsetBytes}`, lengthBytes),
});

/** Of a partition at 1 MiB, windows begin at 1, 9 and 17 MiB. */
const SECOND = PART.startBytes + WINDOW_BYTES;
const CHANGES: readonly Patch[] = [
  patch(PART.startBytes, 512),
  patch(SECOND - 700, 1400),
  // within zeros, and over both of their edges
  patch(11 * MIB, 300),
  patch(13 * MIB - 5, 4096),
  // where the template has nothing: behind the partition
  patch(27 * MIB + 4000, 5000),
  patch(DISK_BYTES - 512, 512),
];
const LEFT_OUT: readonly Extent[] = [
  { startBytes: 20 * MIB + 100, lengthBytes: 10_000 },
  { startBytes: SECOND - 2000, lengthBytes: 4000 },
];
const HELD: readonly Extent[] = [{ startBytes: 0, lengthBytes: 512 }];

/** The disk as it must be, made of the source by hand. */
function changed(before: number): Buffer {
  const bytes = readFileSync(disk);
  const old = Buffer.alloc(DISK_BYTES, before);
  for (const { startBytes, lengthBytes } of [...LEFT_OUT, ...HELD])
    old.copy(bytes, startBytes, startBytes, startBytes + lengthBytes);
  for (const { offsetBytes, bytes: change } of CHANGES) bytes.set(change, offsetBytes);
  return bytes;
}

describe('where it all goes', () => {
  const placed = (name: string, lengthBytes: number, sectorBytes = 512, kind: 'file' | 'device' = 'file') => {
    const target = { ...handle.parts.templates.find(name).version.disks[0].source, kind, lengthBytes, sectorBytes };
    return withManifest(handle.parts, diskOf(handle.parts.templates.find(name), 1), (manifest, json) =>
      place(handle.parts, { target, volumes: [], active: null }, manifest, json),
    );
  };
  const within = (extents: readonly Extent[], { offsetBytes, bytes }: Patch) =>
    extents.some(
      ({ startBytes, lengthBytes }) =>
        startBytes <= offsetBytes && offsetBytes + bytes.length <= startBytes + lengthBytes,
    );

  test('of a disk with an MBR on one as large nothing changes, and both its ends come last', async () => {
    expect(await placed('disk', DISK_BYTES)).toEqual({
      changes: [],
      leftOut: [],
      packed: [],
      regions: [
        { startBytes: 0, lengthBytes: DISK_BYTES },
        { startBytes: PART.startBytes, lengthBytes: PART.lengthBytes },
      ],
      taken: [],
      finishing: [0, DISK_BYTES - MIB].map((startBytes) => ({ startBytes, lengthBytes: MIB })),
    });
  });

  test('of a GPT on a larger disk both copies change and are held back, and the old one at the end is left out', async () => {
    const { path } = makeGptDisk(bench, 'gpt.img');
    const { size } = statSync(path);
    await captured(path, 'gpt');
    const { changes, leftOut, finishing } = await placed('gpt', size + 7 * MIB);
    expect(changes.every((change) => within(finishing, change))).toBe(true);
    expect(changes.at(-1)!.offsetBytes).toBe(size + 7 * MIB - 512);
    expect(leftOut).toEqual([{ startBytes: size - 33 * 512, lengthBytes: 33 * 512 }]);
    expect(new HeldBack(finishing).lengthBytes).toBe(0);
    await expect(placed('gpt', MIB)).rejects.toMatchObject({
      code: 'PLAN_BLOCKED',
      data: { check: 'TARGET_TOO_SMALL', targetBytes: MIB },
    });
  });

  test('of a FAT on a disk with other sectors its boot sectors change where they are, with the table last', async () => {
    const image = bench.file('fat.img', 40 * MIB);
    runWithInput('2048,73728,6\n', 'sfdisk', '-q', '-X', 'dos', image);
    const fat = bench.file('fat.part', 36 * MIB);
    run('mkfs.vfat', '-F', '16', '-s', '8', fat);
    putPart(fat, image, MIB);
    await captured(image, 'fat');
    const { changes, finishing } = await placed('fat', 40 * MIB, 4096, 'device');
    expect(finishing).toEqual([0, 39 * MIB].map((startBytes) => ({ startBytes, lengthBytes: MIB })));
    const inFill = changes.filter((change) => !within(finishing, change));
    expect(inFill.length).toBeGreaterThan(0);
    expect(inFill.every(({ offsetBytes }) => offsetBytes >= MIB)).toBe(true);
  });
});

describe.each([
  ['a new file', undefined],
  ['a disk that holds other bytes', 0xff],
])('on %s', (_what, before) => {
  test('the target is the template with its changes, and every byte of it was read back', async () => {
    const target = bench.path('changed.img');
    const how = { changes: CHANGES, leftOut: LEFT_OUT, heldBack: HELD, fill: before };
    const { verifiedBytes, heldBytes } = await fillFile(target, how);
    const [found, expected] = [readFileSync(target), changed(before ?? 0)];
    const plain = await fillFile(bench.path('plain.img'), { fill: before });
    const outside = 5000 + 512;
    // what lies around the partition is taken where it is a table's
    const [from, to] = [PART.startBytes, PART.startBytes + PART.lengthBytes];
    expect(found.subarray(from, to).equals(expected.subarray(from, to))).toBe(true);
    for (const { offsetBytes, bytes } of CHANGES) {
      expect(found.subarray(offsetBytes, offsetBytes + bytes.length).equals(bytes)).toBe(true);
    }
    expect(found.subarray(0, 512).equals(Buffer.alloc(512, before ?? 0))).toBe(true);
    expect(heldBytes).toBe(512);
    const left = 10_000 + 4000 - 1400;
    expect(verifiedBytes).toBe(plain.verifiedBytes + outside - left - heldBytes);
  });

  test.each<[string, number]>([
    ['a byte of a change', SECOND - 600],
    ['a byte beside a change, in its window', SECOND + 5 * MIB],
    ['a byte of a change among zeros', 11 * MIB + 17],
    ['a byte of a change where the template has nothing', 27 * MIB + 4001],
    ['a byte of a window without a change', 22 * MIB],
  ])('%s that the target loses is found, and told to within a chunk', async (_name, at) => {
    const lie = (offsetBytes: number, bytes: Uint8Array) => {
      if (at < offsetBytes || at >= offsetBytes + bytes.length) return bytes;
      const other = Buffer.from(bytes);
      other[at - offsetBytes] ^= 1;
      return other;
    };
    // a window without a change has none at all
    const changes = at === 22 * MIB ? CHANGES.slice(0, 1) : CHANGES;
    const error = await fillFile(bench.path('lies.img'), { changes, fill: before, lie }).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'VERIFY_MISMATCH' });
    expect(error.data.offsetBytes).toBeGreaterThan(at - MAX_CHUNK_BYTES);
    expect(error.data.offsetBytes).toBeLessThanOrEqual(at);
  });

  test('a target that keeps what the template’s chunks name is found: the name is not what counts there', async () => {
    const original = readFileSync(disk);
    const lie = (offsetBytes: number, bytes: Uint8Array) => original.subarray(offsetBytes, offsetBytes + bytes.length);
    const faithful = { fill: before, lie };
    await fillFile(bench.path('faithful.img'), faithful);
    const error = await fillFile(bench.path('lies.img'), { changes: CHANGES.slice(1, 2), ...faithful }).catch((e) => e);
    expect(error).toMatchObject({ code: 'VERIFY_MISMATCH' });
  });
});

describe('a target that is read first', () => {
  const target = bench.path('read-first.img');
  /** What of the disk is used: the partition as a whole, its table, and the gap before it. */
  const [used, end] = [PART.startBytes, PART.startBytes + PART.lengthBytes];

  test('and holds all of it is not written to, and all of it is verified', async () => {
    const { writtenBytes, verifiedBytes } = await fillFile(target, { fill: readFileSync(disk), readsFirst: true });
    const plain = await fillFile(bench.path('plain.img'), { fill: 0xff });
    expect(writtenBytes).toBe(0);
    expect(verifiedBytes).toBe(plain.verifiedBytes);
    run('cmp', disk, target);
  });

  test('gets the pages that differ, wherever they lie in their chunks', async () => {
    const before = readFileSync(disk);
    const places = [used, used + 4095, SECOND - 1, SECOND + 70_000, 11 * MIB, 13 * MIB - 1, end - 1];
    for (const at of places) before[at] ^= 1;
    const { writtenBytes } = await fillFile(target, { fill: before, readsFirst: true });
    run('cmp', disk, target);
    const pages = new Set(places.map((at) => Math.floor(at / 4096)));
    expect(writtenBytes).toBe(pages.size * 4096);
  });

  test('and holds nothing of it is written as any other', async () => {
    const { verifiedBytes, writtenBytes } = await fillFile(target, { fill: 0xff, readsFirst: true });
    expect(writtenBytes).toBe(verifiedBytes);
    expect(readFileSync(target).subarray(used, end).equals(readFileSync(disk).subarray(used, end))).toBe(true);
  });

  test('is changed, and held back, as any other', async () => {
    const how = { changes: CHANGES, leftOut: LEFT_OUT, heldBack: HELD, readsFirst: true };
    const before = readFileSync(disk);
    await fillFile(target, { ...how, fill: before });
    const expected = readFileSync(disk);
    for (const { offsetBytes, bytes } of CHANGES) expected.set(bytes, offsetBytes);
    expect(readFileSync(target).equals(expected)).toBe(true);
  });

  test.each<[string, number]>([
    ['a page that differs', SECOND + 70_000],
    ['a page beside one that differs is written by mistake', SECOND + 70_000 + 4096],
  ])('%s and is lost is found', async (_name, at) => {
    const before = readFileSync(disk);
    before.fill(0x77, SECOND + 65_536, SECOND + 65_536 + 32_768);
    const lie = (offsetBytes: number, bytes: Uint8Array) => {
      if (at < offsetBytes || at >= offsetBytes + bytes.length) return bytes;
      const other = Buffer.from(bytes);
      other[at - offsetBytes] ^= 1;
      return other;
    };
    await expect(fillFile(target, { fill: before, readsFirst: true, lie })).rejects.toMatchObject({
      code: 'VERIFY_MISMATCH',
      data: { offsetBytes: at },
    });
  });
});

describe.each([
  ['as it comes', false],
  ['by what is there', true],
])('a partition in another place, %s', (_how, readsFirst) => {
  const target = bench.path('moved.img');
  const to = (startBytes: number) => (region: Region) => ({ ...region, startBytes });

  test.each([
    ['by whole pages', PART.startBytes + 384 * 1024],
    ['by sectors', PART.startBytes + 63 * 512],
    ['towards the start', 512 * 1024],
  ])('moved %s', async (_name, startBytes) => {
    const changes = [patch(startBytes + 5 * MIB, 700), patch(startBytes - 300, 600)];
    const heldBack = [{ startBytes: startBytes + 4096, lengthBytes: 512 }];
    const before = Buffer.alloc(DISK_BYTES, 0x55);
    // the gap before the first partition is captured with the table
    const taken = [{ startBytes, lengthBytes: Math.max(0, PART.startBytes - startBytes) }];
    await fillFile(target, { placed: to(startBytes), taken, changes, heldBack, readsFirst, fill: before });
    const expected = readFileSync(disk).subarray(PART.startBytes, PART.startBytes + PART.lengthBytes);
    const disks = Buffer.concat([
      before.subarray(0, startBytes),
      expected,
      before.subarray(startBytes + expected.length),
    ]);
    for (const { offsetBytes, bytes } of changes) disks.set(bytes, offsetBytes);
    for (const held of heldBack) disks.fill(0x55, held.startBytes, held.startBytes + held.lengthBytes);
    const found = readFileSync(target);
    const compared = { startBytes: startBytes - 300, lengthBytes: expected.length + 300 };
    const part = (bytes: Buffer) => bytes.subarray(compared.startBytes).subarray(0, compared.lengthBytes);
    expect(part(found).equals(part(disks))).toBe(true);
  });

  test('or not written from the template: nothing of it is, but for changes', async () => {
    const before = Buffer.alloc(DISK_BYTES, 0x55);
    const changes = [patch(PART.startBytes + 5 * MIB, 700)];
    await fillFile(target, { placed: () => null, changes, readsFirst, fill: before });
    before.set(changes[0].bytes, changes[0].offsetBytes);
    const found = readFileSync(target);
    expect(found.subarray(PART.startBytes).equals(before.subarray(PART.startBytes))).toBe(true);
  });

  test('and what lies around it is not written where it has come to lie', async () => {
    const before = Buffer.alloc(DISK_BYTES, 0x55);
    const taken = [{ startBytes: 0, lengthBytes: 1024 }];
    await fillFile(target, { taken, readsFirst, fill: before });
    const found = readFileSync(target);
    expect(found.subarray(0, 1024).equals(before.subarray(0, 1024))).toBe(true);
    run('cmp', '-i', String(PART.startBytes), '-n', String(PART.lengthBytes), disk, target);
  });
});
