/** A catalog whose files somebody has changed: coded errors, in time, in bounded memory. */
import { randomUUID } from 'node:crypto';
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { constants, crc32, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { EngineError } from '../../src-engine/core/engine-error.ts';
import { FrameReader, type FramePlace } from '../../src-engine/store/frame-reader.ts';
import { manifestEnd, recordHeader, type WindowRecord } from '../../src-engine/store/manifest-format.ts';
import { ManifestReader } from '../../src-engine/store/manifest-reader.ts';
import {
  CODEC_ZSTD,
  encodeFrameHead,
  FRAME_MAGIC,
  frameHeader,
  MAX_FRAME_RAW_BYTES,
  packHeader,
} from '../../src-engine/store/pack-format.ts';
import { packPath } from '../../src-engine/store/pack-path.ts';
import { scanPack } from '../../src-engine/store/pack-scanner.ts';
import type { WrittenPack } from '../../src-engine/store/pack-writer.ts';
import { manifestPath } from '../../src-engine/store/store-layout.ts';
import { makeNoiseDisk, noise } from '../support/disks.ts';
import { openEngine, refusal, resultOf } from '../support/engine.ts';
import { countMutation } from '../support/mutations.ts';
import { emptyStore, frameOf, recordOf, writeManifest, writePack } from '../support/store.ts';
import { randomBelow } from '../support/temporary.ts';
import { MIB, workbench } from '../support/workbench.ts';
import { HANG_MS, processorTimer } from '../support/processor-time.ts';

const bench = workbench();
const layout = emptyStore(bench.path('store'));
/** Far more than any of these files needs. */
const TIME_LIMIT_MS = 5000;
const MAX_GROWTH_BYTES = 256 * MIB;

let rssBefore: number;
beforeEach(() => void (rssBefore = process.memoryUsage().rss));
const expectLittleMemory = () => expect(process.memoryUsage().rss - rssBefore).toBeLessThan(MAX_GROWTH_BYTES);

const EXTREMES = [0, 1, 2, 0x7f, 0xff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];

/** Changes one to three things of `bytes` in [from, to). */
function mutate(bytes: Buffer, from: number, to: number, below: (limit: number) => number): void {
  countMutation();
  for (let changes = 1 + below(3); changes > 0; changes--) {
    const at = from + below(Math.max(1, to - from - 4));
    const kind = below(5);
    if (kind === 0) bytes[at] ^= 1 << below(8);
    if (kind === 1) bytes.writeUInt32LE(EXTREMES[below(EXTREMES.length)], at);
    if (kind === 2) bytes.writeUInt32LE(below(2 ** 32), at);
    if (kind === 3) bytes.fill(below(256), at, Math.min(to, at + below(64)));
    if (kind === 4) bytes.copy(bytes, at, from + below(to - from), Math.min(to, at + below(200)));
  }
}

const fixTableCrc = (head: Buffer) =>
  frameHeader.write(head, { tableCrc: crc32(head.subarray(frameHeader.size), crc32(head.subarray(0, 24))) });
const fixPayloadCrc = (head: Buffer, payload: Buffer) => frameHeader.write(head, { payloadCrc: crc32(payload) });

describe('packs', () => {
  let pack: WrittenPack;
  let sound: Buffer;
  let path: string;

  beforeAll(async () => {
    const text = (i: number) => Buffer.alloc(3000 + i, `text ${i} `);
    pack = await writePack(layout, [
      frameOf([text(1), noise('1', 600), text(2)]),
      frameOf([noise('2', 4000), noise('3', 512)]),
      frameOf([text(3), text(4), text(5), text(6)]),
    ]);
    path = packPath(layout, pack.name);
    sound = readFileSync(path);
  });

  /** Scans the pack and reads every frame, by the places that were and those that the scan finds. */
  async function readHostile(): Promise<void> {
    const usedMs = processorTimer();
    const scanned = await scanPack(path, pack.name, AbortSignal.timeout(HANG_MS));
    const reader = new FrameReader();
    for (const { offset, storedBytes, table } of [...pack.frames, ...scanned.frames]) {
      const place: FramePlace = { packPath: path, offset, headBytes: frameHeader.size + table.length, storedBytes };
      try {
        const { bytes, chunks } = reader.readWhole(place);
        expect(bytes.length).toBeLessThanOrEqual(MAX_FRAME_RAW_BYTES);
        expect(chunks.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0)).toBe(bytes.length);
      } catch (error) {
        expect(error).toBeInstanceOf(EngineError);
        expect((error as EngineError).code).toBe('PACK_DAMAGED');
      }
    }
    reader.close();
    expect(usedMs()).toBeLessThan(TIME_LIMIT_MS);
  }

  test('600 mutations, as they come and with the checksums made good again', async () => {
    for (let seed = 0; seed < 600; seed++) {
      const below = randomBelow(seed);
      const bytes = Buffer.from(sound);
      const frame = pack.frames[below(pack.frames.length)];
      const headEnd = frame.offset + frameHeader.size + frame.table.length;
      const end = headEnd + frame.storedBytes;
      const head = bytes.subarray(frame.offset, headEnd);
      const payload = bytes.subarray(headEnd, end);
      if (seed % 4 === 0) mutate(bytes, 0, bytes.length, below);
      if (seed % 4 === 1) mutate(bytes, frame.offset, headEnd, below);
      if (seed % 4 === 2) mutate(bytes, frame.offset + 8, headEnd, below);
      if (seed % 4 === 3) mutate(bytes, headEnd, end, below);
      if (seed % 4 === 3) fixPayloadCrc(head, payload);
      if (seed % 4 >= 2) fixTableCrc(head);
      writeFileSync(path, below(10) === 0 ? bytes.subarray(0, below(bytes.length)) : bytes);
      await readHostile();
    }
    expectLittleMemory();
  });

  test('a head that claims all the memory there is', async () => {
    for (const lie of [
      { chunkCount: 0xffffffff },
      { rawBytes: 0xffffffff },
      { storedBytes: 0xffffffff },
      { chunkCount: 16_384, rawBytes: MAX_FRAME_RAW_BYTES, storedBytes: MAX_FRAME_RAW_BYTES },
    ]) {
      const bytes = Buffer.from(sound);
      const head = bytes.subarray(packHeader.size, packHeader.size + frameHeader.size + pack.frames[0].table.length);
      frameHeader.write(head, lie);
      fixTableCrc(head);
      writeFileSync(path, bytes);
      await readHostile();
    }
    expectLittleMemory();
  });

  test('a payload that unpacks to a gigabyte', async () => {
    const bomb = zstdCompressSync(Buffer.alloc(1024 * MIB), { params: { [constants.ZSTD_c_windowLog]: 22 } });
    rssBefore = process.memoryUsage().rss;
    const table = Buffer.alloc(36);
    table.writeUInt32LE(MAX_FRAME_RAW_BYTES, 32);
    const head = encodeFrameHead({
      codec: CODEC_ZSTD,
      rawBytes: MAX_FRAME_RAW_BYTES,
      table,
      payload: bomb,
      payloadCrc: crc32(bomb),
    });
    writeFileSync(path, Buffer.concat([Buffer.alloc(packHeader.size), head, bomb]));
    const reader = new FrameReader();
    const place = { packPath: path, offset: packHeader.size, headBytes: head.length, storedBytes: bomb.length };
    expect(() => reader.read(place)).toThrow(expect.objectContaining({ code: 'PACK_DAMAGED' }));
    reader.close();
    expectLittleMemory();
  });

  test('nothing but the beginnings of frames', async () => {
    const magic = Buffer.alloc(4);
    magic.writeUInt32LE(FRAME_MAGIC);
    writeFileSync(path, Buffer.alloc(MIB, magic));
    await readHostile();
    // heads that look good, each with a table that does not
    const head = encodeFrameHead(frameOf([Buffer.of(1)])).subarray(0, frameHeader.size);
    frameHeader.write(head, { chunkCount: 1000, storedBytes: 100 });
    writeFileSync(path, Buffer.alloc(MIB / 8, head));
    await readHostile();
  });

  test('an empty file, one byte, a file of zeros', async () => {
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(1), Buffer.alloc(3 * MIB)]) {
      writeFileSync(path, bytes);
      await readHostile();
    }
  });
});

describe('manifests', () => {
  const records: WindowRecord[] = [
    recordOf(0, 0, [[0, 512]]),
    recordOf(1, 0, [
      [0, 4096],
      [8192, 8192],
      [65_536, 4096],
    ]),
    recordOf(1, 1, [[0, 100_000]]),
    recordOf(2, 77, [[4096, 4096]]),
  ];
  const name = 'hostile';
  let sound: Buffer;
  let ends: { records: number; index: number };

  beforeAll(async () => {
    await writeManifest(layout, name, records, { some: 'description', list: [1, 2, 3] });
    sound = readFileSync(manifestPath(layout, name));
    const end = manifestEnd.read(sound, sound.length - manifestEnd.size);
    ends = { records: Number(end.jsonOffset), index: Number(end.indexOffset) };
  });

  async function readHostile(): Promise<string> {
    const usedMs = processorTimer();
    try {
      const manifest = await ManifestReader.open(layout, name);
      try {
        let count = 0;
        for await (const { extents, lengths } of manifest.records()) {
          expect(++count).toBeLessThan(10_000);
          expect(sum(lengths)).toBe(sum(extents.filter((_, i) => i % 2 === 1)));
        }
        for (const { region, window } of records) await manifest.find(region, window);
        return 'read';
      } finally {
        await manifest.close();
      }
    } catch (error) {
      expect(error).toBeInstanceOf(EngineError);
      expect((error as EngineError).code).toBe('MANIFEST_DAMAGED');
      return 'damaged';
    } finally {
      expect(usedMs()).toBeLessThan(TIME_LIMIT_MS);
    }
  }
  const sum = (numbers: Uint32Array) => numbers.reduce((total, number) => total + number, 0);

  /** Makes every checksum good again that a mutation has made wrong. */
  function fix(bytes: Buffer): void {
    for (let at = 8; at + recordHeader.size <= ends.records;) {
      const { extentCount, chunkCount } = recordHeader.read(bytes, at);
      const length = Math.min(recordHeader.size + extentCount * 8 + chunkCount * 36, ends.records - at);
      const record = bytes.subarray(at, at + length);
      recordHeader.write(record, { crc: crc32(record.subarray(24), crc32(record.subarray(0, 20))) });
      at += length;
    }
    const end = bytes.subarray(bytes.length - manifestEnd.size);
    const fields = manifestEnd.read(end);
    const part = (offset: bigint, length: number) => {
      const from = Math.min(Number(offset), bytes.length);
      return crc32(bytes.subarray(from, from + Math.min(length, bytes.length)));
    };
    manifestEnd.write(end, {
      jsonCrc: part(fields.jsonOffset, fields.jsonBytes),
      indexCrc: part(fields.indexOffset, Number(fields.recordCount) * 18),
    });
    manifestEnd.write(end, { crc: crc32(end.subarray(0, 60)) });
  }

  test('600 mutations, as they come and with the checksums made good again', async () => {
    const outcomes = { read: 0, damaged: 0 };
    for (let seed = 0; seed < 600; seed++) {
      const below = randomBelow(seed);
      const bytes = Buffer.from(sound);
      const part = seed % 5;
      if (part === 0) mutate(bytes, 0, bytes.length, below);
      if (part === 1) mutate(bytes, 8, ends.records, below);
      if (part === 2) mutate(bytes, ends.records, ends.index, below);
      if (part === 3) mutate(bytes, ends.index, bytes.length - manifestEnd.size, below);
      if (part === 4) mutate(bytes, bytes.length - manifestEnd.size + 8, bytes.length - 4, below);
      if (seed % 3 > 0) fix(bytes);
      writeFileSync(manifestPath(layout, name), below(10) === 0 ? bytes.subarray(0, below(bytes.length)) : bytes);
      outcomes[(await readHostile()) as keyof typeof outcomes]++;
    }
    // some of them pass the checksums, or nothing behind those was tried
    expect(outcomes.read).toBeGreaterThan(20);
    expect(outcomes.damaged).toBeGreaterThan(200);
    expectLittleMemory();
  });

  test('records that claim 2^32 - 1 runs or chunks', async () => {
    for (const lie of [{ extentCount: 0xffffffff }, { chunkCount: 0xffffffff }, { window: 2n ** 64n - 1n }]) {
      const bytes = Buffer.from(sound);
      recordHeader.write(bytes, lie, 8);
      fix(bytes);
      writeFileSync(manifestPath(layout, name), bytes);
      await readHostile();
    }
    expectLittleMemory();
  });
});

describe('a catalog', () => {
  const source = bench.path('source.img');
  const sound = bench.path('sound');
  let soundManifest: string;

  beforeAll(async () => {
    makeNoiseDisk(bench, 'source.img', 2 * MIB);
    const engine = await openEngine(sound);
    resultOf(await engine.capture(source, 'base'));
    await engine.close();
    soundManifest = readdirSync(join(sound, 'manifests'))
      .find((file) => file.endsWith('.dpm'))!
      .slice(0, -4);
  });

  interface Description {
    template: Record<string, unknown>;
    version: Record<string, unknown> & { disks: { manifest: string; layout: Record<string, unknown> }[] };
    disk: number;
    regions: { startBytes: number; lengthBytes: number }[];
  }

  /** A catalog whose only manifest says something else, after the loss of its database. */
  async function withManifest(
    change: (json: Description, all: WindowRecord[]) => unknown,
    work: (engine: Awaited<ReturnType<typeof openEngine>>, warnings: string[]) => Promise<void>,
  ): Promise<void> {
    const root = bench.path(`hostile-${randomUUID()}`);
    const store = emptyStore(root);
    const manifest = await ManifestReader.open({ ...store, manifests: join(sound, 'manifests') }, soundManifest);
    const all: WindowRecord[] = [];
    for await (const record of manifest.records()) all.push(record);
    const json = structuredClone(manifest.json) as Description;
    await manifest.close();
    const changed = change(json, all) ?? json;
    await writeManifest(store, soundManifest, all, changed);
    cpSync(join(sound, 'packs'), store.packs, { recursive: true });
    const engine = await openEngine(root);
    try {
      const repaired = await engine.repair();
      resultOf(repaired);
      await work(
        engine,
        repaired.warnings.map((warning) => warning.code),
      );
    } finally {
      await engine.close();
      rmSync(root, { recursive: true });
    }
  }

  test('whose manifest nobody changed comes back, as the measure of those below', async () => {
    await withManifest(
      () => undefined,
      async (engine, warnings) => {
        expect(warnings).toEqual([]);
        const target = bench.path('target.img');
        resultOf(await engine.deploy('base', target));
        expect(readFileSync(target).equals(readFileSync(source))).toBe(true);
        rmSync(target);
      },
    );
  });

  test.each<[string, (json: Description) => unknown]>([
    ['a text', () => 'x'],
    ['a list', () => [1, 2]],
    ['no template', (json) => ({ ...json, template: undefined })],
    ['an id that is a path', (json) => void (json.template.id = '../../../etc/passwd')],
    ['a name of ten thousand letters', (json) => void (json.template.name = 'x'.repeat(10_000))],
    ['a name with a slash', (json) => void (json.template.name = '../x')],
    ['a kind that is no word', (json) => void (json.template.kind = 7)],
    ['a manifest of another name', (json) => void (json.version.disks[0].manifest = 'another')],
    ['a disk that there is not', (json) => void (json.disk = 1)],
    ['no disks', (json) => void (json.version.disks = [])],
    ['a negative version', (json) => void (json.version.number = -1)],
    ['a capacity past what a number holds', (json) => void (json.version.disks[0].layout.lengthBytes = 2 ** 60)],
    ['sectors of no bytes', (json) => void (json.version.disks[0].layout.sectorBytes = 0)],
    ['no regions', (json) => void (json.regions = [])],
    ['a region before the disk', (json) => void (json.regions[1].startBytes = -512)],
  ])('whose manifest says %s is repaired without it', async (_, change) => {
    await withManifest(change, async (engine, warnings) => {
      expect(warnings).toEqual(['VERSION_NOT_RECOVERED']);
      expect(await engine.client.call('template.list', {})).toEqual([]);
      resultOf(await engine.prune());
    });
  });

  test('whose manifest says words of a later version is repaired with what is known of them', async () => {
    const later = (json: Description) => {
      json.template.kind = 'golden';
      json.version.disks[0].layout.table = 'later-table';
    };
    await withManifest(later, async (engine, warnings) => {
      expect(warnings).toEqual([]);
      const [{ kind, versions }] = await engine.client.call('template.list', {});
      expect([kind, versions[0].disks[0].layout.table]).toEqual(['unknown', 'unknown']);
      resultOf(await engine.verify());
      // how its tables move is not known here
      const plan = engine.client.call('deploy.plan', { template: 'base', target: bench.path('never.img') });
      expect(await refusal(plan)).toMatchObject({ code: 'FORMAT_UNSUPPORTED' });
    });
  });

  test.each<[string, (json: Description, all: WindowRecord[]) => unknown]>([
    ['a region far behind the end', (json) => void (json.regions[1].startBytes = 2 ** 50)],
    ['a region that is too short', (json) => void (json.regions[1].lengthBytes = 4096)],
    ['a region less', (json) => void json.regions.pop()],
    ['a window far behind the end', (_, all) => void (all[0] = { ...all[0], window: 2 ** 40 })],
    ['a window of a region that there is not', (_, all) => void (all[0] = { ...all[0], region: 60_000 })],
    ['a chunk that nobody has', (_, all) => void (all[0] = { ...all[0], hashes: all[0].hashes.map(() => 9) })],
    [
      'other lengths than its chunks have',
      (_, all) => {
        const lengths = Uint32Array.from(all[0].lengths);
        lengths[0] += 512;
        lengths[1] -= 512;
        all[0] = { ...all[0], lengths };
      },
    ],
    ['another disk than the one that it holds', (json) => void (json.version.disks[0].layout.lengthBytes = 5 * MIB)],
  ])('whose manifest lies of %s deploys nothing', async (_, change) => {
    await withManifest(change, async (engine) => {
      const target = bench.path('never.img');
      const { code, data } = await engine.deploy('base', target).then(
        (job) => job.error ?? { code: job.outcome, data: {} },
        (error) => error.view,
      );
      if (code === 'done') {
        // a lie about sizes that changes nothing of what is written
        expect(
          readFileSync(target)
            .subarray(0, 2 * MIB)
            .equals(readFileSync(source)),
        ).toBe(true);
        rmSync(target);
        return;
      }
      expect(['MANIFEST_DAMAGED', 'CHUNK_MISSING', 'PACK_DAMAGED', 'FORMAT_INVALID', 'TARGET_TOO_SMALL']).toContain(
        code,
      );
      expect(code === 'TARGET_TOO_SMALL' || data.template === 'base').toBe(true);
      expect(existsSync(target)).toBe(false);
      expect(readdirSync(bench.folder).filter((name) => name.endsWith('.partial'))).toEqual([]);
    });
  });

  test('whose packs hold other bytes under the names of chunks is found out', async () => {
    const root = bench.path('swapped');
    const store = emptyStore(root);
    const engine = await openEngine(root);
    resultOf(await engine.capture(source, 'base'));
    await engine.close();
    const file = readdirSync(store.packs, { recursive: true, encoding: 'utf8' }).find((name) => name.endsWith('.dpk'))!;
    const path = join(store.packs, file);
    const bytes = readFileSync(path);
    const { frames } = await scanPack(path, '', new AbortController().signal);
    const { offset, table, storedBytes } = frames[0];
    const headBytes = frameHeader.size + table.length;
    bytes[offset + headBytes + 1000] ^= 1;
    const head = bytes.subarray(offset, offset + headBytes);
    fixPayloadCrc(head, bytes.subarray(offset + headBytes, offset + headBytes + storedBytes));
    fixTableCrc(head);
    writeFileSync(path, bytes);

    const again = await openEngine(root);
    const target = bench.path('swapped.img');
    expect(await again.deploy('base', target)).toMatchObject({
      outcome: 'failed',
      error: { code: expect.stringMatching(/^(VERIFY_MISMATCH|PACK_DAMAGED)$/) },
    });
    expect(existsSync(target)).toBe(false);
    expect((await again.verify()).error).toMatchObject({ code: 'TEMPLATE_DAMAGED', data: { templates: ['base@1'] } });
    await again.close();
  });
});

afterAll(expectNothingLeft);

function expectNothingLeft(): void {
  expect(readdirSync(layout.scratch)).toEqual([]);
}
