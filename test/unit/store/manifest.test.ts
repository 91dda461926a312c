/** Manifests: what is written is read, and no bit of one can change unnoticed. */
import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { EngineError } from '../../../src-engine/core/engine-error.ts';
import { WINDOW_BYTES } from '../../../src-engine/store/chunking.ts';
import {
  decodeRecord,
  encodeRecord,
  manifestEnd,
  recordHeader,
  recordLength,
  type WindowRecord,
} from '../../../src-engine/store/manifest-format.ts';
import { ManifestReader } from '../../../src-engine/store/manifest-reader.ts';
import { ManifestWriter } from '../../../src-engine/store/manifest-writer.ts';
import { manifestNames, manifestPath } from '../../../src-engine/store/store-layout.ts';
import { emptyStore, recordOf, writeManifest } from '../../support/store.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const layout = emptyStore(temporaryFolder());

const RECORDS = [
  recordOf(0, 0, [[0, 512]]),
  recordOf(0, 700, [[8192, 4096]]),
  recordOf(1, 0, [
    [0, 4096],
    [8192, 8192],
  ]),
  recordOf(1, 3, [[WINDOW_BYTES - 512, 512]]),
];
const JSON_VALUE = { what: 'ever', list: [1, 2, 3], text: 'é\u0000' };

async function readAll(name: string): Promise<{ json: unknown; records: WindowRecord[] }> {
  const manifest = await ManifestReader.open(layout, name);
  try {
    const records: WindowRecord[] = [];
    for await (const record of manifest.records()) records.push(record);
    for (const { region, window } of RECORDS) await manifest.find(region, window);
    return { json: manifest.json, records };
  } finally {
    await manifest.close();
  }
}

const plain = (record: WindowRecord | null) =>
  record && {
    ...record,
    extents: [...record.extents],
    lengths: [...record.lengths],
    hashes: Buffer.from(record.hashes).toString('hex'),
  };
const outcome = (work: Promise<unknown>) =>
  work.then(
    () => 'read',
    (error) => (error instanceof EngineError ? error.code : String(error)),
  );

test('any window of thousands is found, and none that is not there', async () => {
  const records = Array.from({ length: 3000 }, (_, i) => recordOf(i < 1000 ? 0 : 2, i * 3, [[0, 512]]));
  await writeManifest(layout, 'thousands', records, {});
  const manifest = await ManifestReader.open(layout, 'thousands');
  for (const { region, window } of records) {
    expect(await manifest.find(region, window)).toMatchObject({ region, window });
    expect(await manifest.find(region, window + 1)).toBeNull();
  }
  expect(await manifest.find(1, 0)).toBeNull();
  expect(await manifest.find(3, 0)).toBeNull();
  await manifest.close();
});

test('windows in order, one by one, and the description', async () => {
  await writeManifest(layout, 'round', RECORDS, JSON_VALUE);
  const { json, records } = await readAll('round');
  expect(json).toEqual(JSON_VALUE);
  expect(records.map(plain)).toEqual(RECORDS.map(plain));
  const manifest = await ManifestReader.open(layout, 'round');
  expect(manifest.recordCount).toBe(4);
  for (const record of RECORDS) expect(plain(await manifest.find(record.region, record.window))).toEqual(plain(record));
  for (const [region, window] of [
    [0, 1],
    [0, 701],
    [1, 2],
    [1, 4],
    [2, 0],
  ]) {
    expect(await manifest.find(region, window)).toBeNull();
  }
  await manifest.close();
});

test('more windows than are read at once', async () => {
  const runs = Array.from({ length: 300 }, (_, i): [number, number] => [i * 8192, 4096]);
  const records = Array.from({ length: 200 }, (_, i) => recordOf(1, i, runs));
  await writeManifest(layout, 'long', records, {});
  expect(statSync(manifestPath(layout, 'long')).size).toBeGreaterThan(2 * 1024 * 1024);
  const { records: found } = await readAll('long');
  expect(found.map((record) => record.window)).toEqual(records.map((record) => record.window));
  expect(plain(found[137])).toEqual(plain(records[137]));
});

test('a version without windows', async () => {
  await writeManifest(layout, 'empty', [], {});
  const manifest = await ManifestReader.open(layout, 'empty');
  expect(await manifest.find(0, 0)).toBeNull();
  for await (const record of manifest.records()) expect(record).toBeUndefined();
  await manifest.close();
});

test('a manifest has its name once it is finished, and none when it is given up', async () => {
  const writer = await ManifestWriter.create(layout, 'unfinished');
  await writer.add(RECORDS[0]);
  expect(manifestNames(layout)).not.toContain('unfinished');
  await writer.discard();
  expect(readdirSync(layout.scratch)).toEqual([]);
  expect(await outcome(ManifestReader.open(layout, 'unfinished'))).toBe('MANIFEST_DAMAGED');
});

test('every byte is under a checksum', async () => {
  await writeManifest(layout, 'bits', RECORDS, JSON_VALUE);
  const path = manifestPath(layout, 'bits');
  const sound = readFileSync(path);
  for (let at = 0; at < sound.length; at++) {
    const damaged = Buffer.from(sound);
    damaged[at] ^= 1 << (at % 8);
    writeFileSync(path, damaged);
    expect([at, await outcome(readAll('bits'))]).toEqual([at, 'MANIFEST_DAMAGED']);
  }
});

test('cut off anywhere', async () => {
  await writeManifest(layout, 'cut', RECORDS, JSON_VALUE);
  const path = manifestPath(layout, 'cut');
  for (let length = statSync(path).size - 1; length >= 0; length -= 7) {
    truncateSync(path, length);
    expect(await outcome(readAll('cut'))).toBe('MANIFEST_DAMAGED');
  }
});

describe('lies under good checksums', () => {
  const withCrc = (bytes: Buffer) => {
    recordHeader.write(bytes, { crc: crc32(bytes.subarray(24), crc32(bytes.subarray(0, 20))) });
    return bytes;
  };
  const codeOf = (work: () => unknown) => {
    try {
      work();
      return 'read';
    } catch (error) {
      return error instanceof EngineError ? error.code : String(error);
    }
  };

  test.each<[string, [number, number][], number[]]>([
    [
      'runs that overlap',
      [
        [0, 4096],
        [2048, 4096],
      ],
      [4096, 4096],
    ],
    [
      'runs that go back',
      [
        [8192, 4096],
        [0, 4096],
      ],
      [4096, 4096],
    ],
    ['a run past the end of the window', [[WINDOW_BYTES - 512, 1024]], [1024]],
    ['an empty run', [[0, 0]], [1]],
    ['chunks that are shorter than the runs', [[0, 4096]], [4095]],
    ['chunks that are longer than the runs', [[0, 4096]], [4097]],
    ['an empty chunk', [[0, 4096]], [4096, 0]],
    ['a chunk of 4 GiB - 1', [[0, 4096]], [0xffffffff]],
    ['a chunk that no capture makes', [[0, WINDOW_BYTES]], [WINDOW_BYTES]],
  ])('%s', (_, runs, lengths) => {
    const record = {
      ...recordOf(0, 0, runs),
      lengths: Uint32Array.from(lengths),
      hashes: Buffer.alloc(lengths.length * 32, 1),
    };
    expect(codeOf(() => decodeRecord(withCrc(encodeRecord(record))))).toBe('FORMAT_INVALID');
  });

  test.each([0, 16_385, 0xffffffff])('%d runs or chunks', (count) => {
    for (const lie of [{ extentCount: count }, { chunkCount: count }]) {
      const bytes = encodeRecord(RECORDS[0]);
      recordHeader.write(bytes, lie);
      expect(codeOf(() => recordLength(withCrc(bytes)))).toBe('FORMAT_INVALID');
    }
  });

  test.each([
    ['2^32 - 1 records', { recordCount: 0xffffffffn }],
    ['2^64 - 1 records', { recordCount: 2n ** 64n - 1n }],
    ['an index past the end', { indexOffset: 2n ** 40n }],
    ['a description past the end', { jsonOffset: 2n ** 60n }],
    ['a description of 4 GiB - 1', { jsonBytes: 0xffffffff }],
    ['a description without length', { jsonBytes: 0 }],
  ])('an end that tells of %s', async (_, lie) => {
    await writeManifest(layout, 'lie', RECORDS, JSON_VALUE);
    const path = manifestPath(layout, 'lie');
    const bytes = readFileSync(path);
    const end = bytes.subarray(bytes.length - manifestEnd.size);
    manifestEnd.write(end, lie);
    manifestEnd.write(end, { crc: crc32(end.subarray(0, 60)) });
    writeFileSync(path, bytes);
    expect(await outcome(readAll('lie'))).toBe('MANIFEST_DAMAGED');
  });
});
