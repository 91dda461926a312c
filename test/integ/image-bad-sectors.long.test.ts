/**
 * Image files on a disk with bad sectors, in what tells their format, in their tables, in their backing files: a capture ends and says
 * that it can go on, or goes on, and never takes what it could not read for free space. qemu-img and 7-Zip read the files as they were.
 */
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { basename } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Extent } from '../../src-engine/disk/block-source.port.ts';
import { noise } from '../support/disks.ts';
import { openEngine, refusal, resultOf, type TestEngine } from '../support/engine.ts';
import { canFail, failingFile } from '../support/failing-file.ts';
import { canLoop, MIB, run, workbench } from '../support/workbench.ts';
import { buildFooter } from './formats/build-vhd.ts';
import { expectEqual, readByQemu } from './formats/virtual-disks.ts';

const bench = workbench();
let engine: TestEngine;
let raw: string;
const DISK_BYTES = 24 * MIB;
const PAGE_BYTES = 4096;
const fill = { onUnreadable: 'fill', outside: 'take' } as const;

type Bad = readonly [number, number];

beforeAll(async () => {
  engine = await openEngine(bench.path('catalog'));
  raw = bench.file('disk.raw', DISK_BYTES);
  run('sgdisk', '-n', '1:1M:+20M', '-t', '1:8300', raw);
  const file = openSync(raw, 'r+');
  writeSync(file, noise('unknown to all', 20 * MIB), 0, 20 * MIB, MIB);
  closeSync(file);
});
afterAll(() => engine.close());

let count = 0;
/** @returns a folder with that file in it, of which some bytes cannot be read; others can be put beside it */
async function failing(name: string, image: string, bad: readonly Bad[]): Promise<string> {
  const folder = bench.path(`bad-${count++}`);
  mkdirSync(folder);
  const path = `${folder}/${name}`;
  writeFileSync(path, '');
  const source = await failingFile(bench, image, bad);
  run('mount', '--bind', source, path);
  bench.atEnd(() => run('umount', path));
  return path;
}

/** @returns what came of it; where it was not read there are zeros @param expected the disk as it was */
async function expectFilled(path: string, expected: Buffer, damaged: readonly Extent[]): Promise<void> {
  const stopped = await engine.capture(path, 'stopped').catch((error) => error);
  expect(stopped.view ?? stopped.error).toMatchObject({ code: 'READ_FAILED', data: { canFill: true } });
  const name = `filled ${count}`;
  const job = await engine.capture(path, name, fill);
  resultOf(job);
  expect(job.warnings.map(({ code }) => code)).toContain('SECTORS_UNREADABLE');
  const { damage } = (await engine.client.call('template.show', { template: name })).versions[0].disks[0];
  expect(damage!.extents).toEqual(damaged);
  const target = bench.path('target.img');
  rmSync(target, { force: true });
  resultOf(await engine.deploy(name, target));
  const zeroed = Buffer.from(expected);
  for (const { startBytes, lengthBytes } of damaged) zeroed.fill(0, startBytes, startBytes + lengthBytes);
  const found = readFileSync(target);
  // the tables are written anew: what is compared is what lies between them
  expectEqual(found.subarray(MIB, 21 * MIB), zeroed.subarray(MIB, 21 * MIB), basename(path));
  expect(found.length).toBe(expected.length);
}

const page = (startBytes: number): Extent => ({ startBytes, lengthBytes: PAGE_BYTES });

/** Where the bytes of a file are on its disk, or the other way round: they are noise, so each place has its own. */
const placeOf = (file: string, needle: Buffer) => readFileSync(file).indexOf(needle);

describe.skipIf(!canLoop || !canFail)('image files with bad sectors', () => {
  test('a raw disk whose first sector is bad', async () => {
    const path = await failing('disk.img', raw, [[0, 512]]);
    await expectFilled(path, readFileSync(raw), [page(0)]);
  });

  test('a raw disk whose last sector is bad', async () => {
    const path = await failing('disk.img', raw, [[DISK_BYTES - 512, DISK_BYTES]]);
    await expectFilled(path, readFileSync(raw), [page(DISK_BYTES - PAGE_BYTES)]);
  });

  test('a raw disk whose first, last and middle sectors are bad', async () => {
    const middle = 9 * MIB;
    const path = await failing('disk.bin', raw, [
      [0, 512],
      [middle, middle + 1],
      [DISK_BYTES - 512, DISK_BYTES],
    ]);
    await expectFilled(path, readFileSync(raw), [page(0), page(middle), page(DISK_BYTES - PAGE_BYTES)]);
  });

  test('a fixed VHD whose first sector is bad is told by its footer', async () => {
    const image = bench.path('fixed.vhd');
    writeFileSync(image, Buffer.concat([readFileSync(raw), buildFooter(DISK_BYTES, 2, 'fixed')]));
    expectEqual(readByQemu(bench, image, 'vpc'), readFileSync(raw), 'by qemu-img');
    await expectFilled(await failing('fixed.vhd', image, [[0, 512]]), readFileSync(raw), [page(0)]);
  });

  test('a dynamic VHD whose footer is bad is told by the copy in front', async () => {
    const image = bench.path('dynamic.vhd');
    run('qemu-img', 'convert', '-O', 'vpc', '-o', 'force_size=on', raw, image);
    const { size } = statSync(image);
    const path = await failing('dynamic.vhd', image, [[size - 512, size]]);
    resultOf(await engine.capture(path, 'front copy', fill));
    const target = bench.path('front.img');
    resultOf(await engine.deploy('front copy', target));
    expectEqual(readFileSync(target).subarray(MIB, 21 * MIB), readFileSync(raw).subarray(MIB, 21 * MIB), 'front copy');
  });

  test.each([
    ['qcow2', 'disk.qcow2', 0],
    ['vdi', 'disk.vdi', 0],
    ['vhdx', 'disk.vhdx', 0],
    ['vmdk', 'disk.vmdk', 0],
  ])('%s that cannot be told for what its name says is not taken for a raw disk', async (format, name, start) => {
    const image = bench.path(`unread.${format}`);
    run('qemu-img', 'convert', '-O', format, raw, image);
    const path = await failing(name, image, [[start, start + 512]]);
    for (const more of [fill, { ...fill, format: format as 'qcow2' }]) {
      expect(await refusal(engine.capture(path, 'unread', more))).toMatchObject({ code: 'READ_FAILED' });
    }
  });

  test('a bad sector in the data of a qcow2', async () => {
    const image = bench.path('data.qcow2');
    run('qemu-img', 'convert', '-O', 'qcow2', raw, image);
    const at = 7 * MIB;
    const inFile = placeOf(image, readFileSync(raw).subarray(at, at + 64));
    expect(inFile).toBeGreaterThan(0);
    await expectFilled(await failing('data.qcow2', image, [[inFile, inFile + 1]]), readFileSync(raw), [page(at)]);
  });

  test('a table of a qcow2 that cannot be read is no free space', async () => {
    const image = bench.path('table.qcow2');
    run('qemu-img', 'convert', '-O', 'qcow2', '-o', 'cluster_size=4096', raw, image);
    const bytes = readFileSync(image);
    const l1 = Number(bytes.readBigUInt64BE(40));
    // of 512 clusters each: the fourth speaks of the disk from 6 MiB on
    const table = Number(bytes.readBigUInt64BE(l1 + 3 * 8) & 0xfffffffffffe00n);
    const path = await failing('table.qcow2', image, [[table, table + 4096]]);
    await expectFilled(path, readFileSync(raw), [{ startBytes: 6 * MIB, lengthBytes: 2 * MIB }]);
  });

  test.each([
    ['raw', 'base.img'],
    ['qcow2', 'base.qcow2'],
  ])('a bad sector in a backing file that is %s', async (format, name) => {
    const image = bench.path(`backing.${format}`);
    run('qemu-img', 'convert', '-O', format, raw, image);
    const at = 11 * MIB;
    const inFile = placeOf(image, readFileSync(raw).subarray(at, at + 64));
    const base = await failing(name, image, [[inFile, inFile + 1]]);
    const upper = base.replace(name, 'upper.qcow2');
    run('qemu-img', 'create', '-q', '-u', '-f', 'qcow2', '-F', format, '-b', name, upper, String(DISK_BYTES));
    run('qemu-io', '-f', 'qcow2', '-c', 'write -P 0x33 2M 64k', upper);
    const expected = readFileSync(raw).fill(0x33, 2 * MIB, 2 * MIB + 65_536);
    await expectFilled(upper, expected, [page(at)]);
  });

  test('the first sector of a raw backing file is bad', async () => {
    const base = await failing('base.img', raw, [[0, 512]]);
    const upper = base.replace('base.img', 'upper.qcow2');
    run('qemu-img', 'create', '-q', '-u', '-f', 'qcow2', '-F', 'raw', '-b', 'base.img', upper, String(DISK_BYTES));
    await expectFilled(upper, readFileSync(raw), [page(0)]);
  });

  test('a bad sector in an extent that a VMDK descriptor names', async () => {
    const at = 5 * MIB;
    const extent = await failing('disk-flat.vmdk', raw, [[at, at + 512]]);
    const descriptor = extent.replace('disk-flat', 'disk');
    const lines = [
      '# Disk DescriptorFile',
      'version=1',
      'CID=fffffffe',
      'parentCID=ffffffff',
      'createType="monolithicFlat"',
    ];
    writeFileSync(descriptor, [...lines, `RW ${DISK_BYTES / 512} FLAT "disk-flat.vmdk" 0`, ''].join('\n'));
    await expectFilled(descriptor, readFileSync(raw), [page(at)]);
  });
});
