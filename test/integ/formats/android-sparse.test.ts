/** Android sparse images: as img2simg writes them and by their specification, read as simg2img reads them. */
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { crcOfZeros } from '../../../src-engine/formats/android/sums.ts';
import { noise } from '../../support/disks.ts';
import { openEngine, refusal, resultOf } from '../../support/engine.ts';
import { importFrom } from '../../support/transfer.ts';
import { run, workbench } from '../../support/workbench.ts';
import { expectContent, expectEqual, makeRaw, openImage } from './virtual-disks.ts';

const bench = workbench();
const BLOCK = 4096;
const RAW = 0xcac1;
const FILL = 0xcac2;
const DONT_CARE = 0xcac3;
const CRC32 = 0xcac4;

interface ChunkToBuild {
  readonly type: number;
  readonly blocks: number;
  readonly data?: Buffer;
  readonly totalBytes?: number;
}

const word = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};

/** By libsparse's sparse_format.h; `extra` bytes behind each header, which later minor versions may have. */
function build(
  name: string,
  chunks: readonly ChunkToBuild[],
  { blocks = -1, count = -1, extra = 0, blockBytes = BLOCK, major = 1, checksum = 0 } = {},
) {
  const header = Buffer.alloc(28 + extra, 0xaa);
  const sum = chunks.reduce((all, one) => all + (one.type === CRC32 ? 0 : one.blocks), 0);
  header.writeUInt32LE(0xed26ff3a, 0);
  header.writeUInt16LE(major, 4);
  header.writeUInt16LE(0, 6);
  header.writeUInt16LE(header.length, 8);
  header.writeUInt16LE(12 + extra, 10);
  header.writeUInt32LE(blockBytes, 12);
  header.writeUInt32LE(blocks < 0 ? sum : blocks, 16);
  header.writeUInt32LE(count < 0 ? chunks.length : count, 20);
  header.writeUInt32LE(checksum, 24);
  const parts = chunks.map(({ type, blocks: length, data = Buffer.alloc(0), totalBytes }) => {
    const head = Buffer.alloc(12 + extra, 0xaa);
    head.writeUInt16LE(type, 0);
    head.writeUInt32LE(length, 4);
    head.writeUInt32LE(totalBytes ?? head.length + data.length, 8);
    return Buffer.concat([head, data]);
  });
  const path = bench.path(name);
  writeFileSync(path, Buffer.concat([header, ...parts]));
  return path;
}

function bySimg2img(path: string): Buffer {
  const out = `${path}.by-simg2img`;
  run('simg2img', path, out);
  return readFileSync(out);
}

const data = noise('android', 3 * BLOCK);
const ALL_KINDS: ChunkToBuild[] = [
  { type: RAW, blocks: 3, data },
  { type: FILL, blocks: 5, data: word(0x12345678) },
  { type: DONT_CARE, blocks: 7 },
  { type: FILL, blocks: 2, data: word(0) },
  { type: CRC32, blocks: 0, data: word(0xdeadbeef) },
  { type: RAW, blocks: 1, data: data.subarray(0, BLOCK) },
  { type: DONT_CARE, blocks: 4 },
];

describe('read as simg2img reads them', () => {
  test.each([1024, 4096, 65536])('blocks of %s bytes', async (blockBytes) => {
    const raw = makeRaw(bench, `raw-${blockBytes}`, 'android', 20 * 1024 * 1024);
    const path = bench.path(`${blockBytes}.simg`);
    run('img2simg', raw, path, String(blockBytes));
    expectEqual(bySimg2img(path), readFileSync(raw), 'simg2img');
    const { dataBytes, format } = await expectContent(path, readFileSync(raw));
    expect(format).toBe('android-sparse');
    expect(dataBytes).toBeLessThan(12 * 1024 * 1024);
  });

  test('chunks of every kind', async () => {
    const path = build('kinds.simg', ALL_KINDS);
    await expectContent(path, bySimg2img(path));
  });

  test('sums of the disk so far, and of all of it, are compared; Python and simg2img say which are right', async () => {
    const plain = ALL_KINDS.filter(({ type }) => type !== CRC32);
    const disk = bySimg2img(build('plain.simg', plain));
    const sumOf = (blocks: number) => {
      writeFileSync(bench.path('so-far'), disk.subarray(0, blocks * BLOCK));
      const script = 'import sys, zlib; print(zlib.crc32(open(sys.argv[1], "rb").read()))';
      return Number(run('python3', '-c', script, bench.path('so-far')));
    };
    // behind data, behind a hole, behind zeros that are told, twice at one place, and behind everything
    const withSums = (flip = -1) => {
      let blocks = 0;
      return plain.flatMap((chunk, i) => {
        blocks += chunk.blocks;
        const sum = { type: CRC32, blocks: 0, data: word((sumOf(blocks) ^ (flip === i ? 1 : 0)) >>> 0) };
        return i === 2 ? [chunk, sum, sum] : [chunk, sum];
      });
    };
    const context = { signal: new AbortController().signal, advance() {} };
    const verify = async (path: string) => {
      const image = await openImage(path);
      await image.verify!(context).finally(() => image.source.close());
    };
    await verify(build('sums.simg', withSums(), { checksum: sumOf(plain.reduce((all, one) => all + one.blocks, 0)) }));
    for (let i = 0; i < plain.length; i++) {
      await expect(verify(build('flip.simg', withSums(i)))).rejects.toMatchObject({
        code: 'FORMAT_INVALID',
        data: { path: 'flip.simg', field: `CRC32 of chunk ${2 * i + (i > 2 ? 2 : 1)}` },
      });
    }
    await expect(verify(build('all.simg', plain, { checksum: 77 }))).rejects.toMatchObject({
      data: { field: 'image_checksum', value: '0x4d' },
    });
    const none = await openImage(build('none.simg', plain));
    expect(none.verify).toBeNull();
    await none.source.close();
  });

  test('a hole of terabytes is reckoned, not read', async () => {
    const holes = [
      { type: RAW, blocks: 1, data: data.subarray(0, BLOCK) },
      { type: DONT_CARE, blocks: 2 ** 31 },
    ];
    // Python, by reckoning with the polynomial as one long division, is too slow for 8 TiB: the sum of a part, and twice more zeros
    const part = Buffer.concat([data.subarray(0, BLOCK), Buffer.alloc(64 * BLOCK)]);
    expect(crcOfZeros(crc32(data.subarray(0, BLOCK)), 64 * BLOCK)).toBe(crc32(part));
    const told = crcOfZeros(crc32(part), 2 ** 31 * BLOCK - 64 * BLOCK);
    const image = await openImage(build('terabytes.simg', holes, { checksum: told }));
    await image.verify!({ signal: new AbortController().signal, advance() {} });
    await image.source.close();
  });

  test('longer headers', async () => {
    const path = build('longer.simg', ALL_KINDS, { extra: 8 });
    await expectContent(path, bySimg2img(path));
  });
});

describe('refused', () => {
  const refused = (path: string) =>
    openImage(path).then(
      async ({ source }) => source.close(),
      (error) => error,
    );

  test.each<[string, { code: string; field?: string }, () => string]>([
    [
      'cut off in its data',
      { code: 'FILE_TRUNCATED' },
      () => {
        const path = build('cut.simg', ALL_KINDS);
        truncateSync(path, 28 + 12 + BLOCK);
        return path;
      },
    ],
    ['cut off at a header', { code: 'FILE_TRUNCATED' }, () => build('count.simg', ALL_KINDS, { count: 9 })],
    [
      'a piece of an image',
      { code: 'FORMAT_INVALID', field: 'total_blks' },
      () => build('piece.simg', ALL_KINDS, { blocks: 100 }),
    ],
    [
      'more blocks than it tells',
      { code: 'FORMAT_INVALID', field: 'chunk_sz' },
      () => build('more.simg', ALL_KINDS, { blocks: 9 }),
    ],
    [
      'lengths that do not agree',
      { code: 'FORMAT_INVALID', field: 'total_sz of chunk 0' },
      () => build('lie.simg', [{ type: RAW, blocks: 2, data, totalBytes: 12 + data.length }]),
    ],
    [
      'a chunk of four thousand million blocks',
      { code: 'FILE_TRUNCATED' },
      () =>
        build('huge.simg', [{ type: RAW, blocks: 0xfffff, data, totalBytes: 0xfffff000 + 12 }], { blocks: 0xfffff }),
    ],
    [
      'an unknown chunk',
      { code: 'FORMAT_INVALID', field: 'chunk_type of chunk 0' },
      () => build('unknown.simg', [{ type: 0xcac9, blocks: 1 }]),
    ],
    [
      'blocks of no length',
      { code: 'FORMAT_INVALID', field: 'blk_sz' },
      () => build('none.simg', ALL_KINDS, { blockBytes: 0 }),
    ],
    ['a later version', { code: 'FORMAT_UNSUPPORTED' }, () => build('later.simg', ALL_KINDS, { major: 2 })],
  ])('%s', async (_, { code, field }, make) => {
    const error = await refused(make());
    expect(error).toMatchObject({ code, ...(field && { data: { field } }) });
  });
});

describe('what fastboot writes into one partition', async () => {
  const engine = await openEngine(bench.path('catalog'));
  bench.atEnd(() => engine.close());

  test('is asked about, and taken where somebody says what it is', async () => {
    const raw = bench.file('system', 4 * 1024 * 1024);
    run('mke2fs', '-q', '-F', '-t', 'ext4', raw);
    const path = bench.path('system.img');
    run('img2simg', raw, path);
    expect(await refusal(importFrom(engine, path, 'system'))).toMatchObject({
      code: 'PLAN_BLOCKED',
      data: { check: 'IMAGE_OF_ONE_PARTITION' },
    });
    expect(await refusal(engine.capture(path, 'system'))).toMatchObject({ data: { check: 'IMAGE_OF_ONE_PARTITION' } });
    resultOf(await importFrom(engine, path, 'system', { format: 'android-sparse' }));
    resultOf(await engine.deploy('system', bench.path('out')));
    run('e2fsck', '-fn', bench.path('out'));
    run('gzip', '-k', path);
    expect((await importFrom(engine, `${path}.gz`, 'packed')).error).toMatchObject({ code: 'PLAN_BLOCKED' });
  });

  test('with a table it is a disk', async () => {
    const raw = bench.file('disk', 8 * 1024 * 1024);
    run('sgdisk', '-n', '1:2048:+2M', raw);
    run('img2simg', raw, bench.path('disk.img'));
    resultOf(await importFrom(engine, bench.path('disk.img'), 'disk'));
  });

  test('a sum that is wrong ends an import, and is told where a capture has no time for it', async () => {
    const raw = bench.file('summed', 8 * 1024 * 1024);
    run('sgdisk', '-n', '1:2048:+2M', raw);
    run('img2simg', raw, bench.path('summed.img'));
    const bytes = readFileSync(bench.path('summed.img'));
    bytes.writeUInt32LE(1, 24);
    writeFileSync(bench.path('summed.img'), bytes);
    expect((await importFrom(engine, bench.path('summed.img'), 'summed')).error).toMatchObject({
      code: 'FORMAT_INVALID',
      data: { field: 'image_checksum' },
    });
    const told = { code: 'IMAGE_SUMS_NOT_CHECKED', data: { path: 'summed.img' } };
    const source = bench.path('summed.img');
    expect((await engine.client.call('source.inspect', { source })).disk.warnings).toContainEqual(told);
    const planned = await engine.client.call('capture.plan', { source, name: 'captured' });
    expect(planned.disk.warnings).toContainEqual(told);
    resultOf(await engine.capture(source, 'captured'));
    const { versions } = await engine.client.call('template.show', { template: 'captured' });
    expect(versions[0].warnings).toContainEqual(told);
  });

  test('raw where somebody says raw', async () => {
    resultOf(await importFrom(engine, build('said.img', ALL_KINDS), 'said', { format: 'raw' }));
    const { versions } = await engine.client.call('template.show', { template: 'said' });
    expect(versions[0].capacityBytes).toBe(readFileSync(bench.path('said.img')).length);
  });
});
