/** Whole disks captured and deployed again, judged by the kernel, e2fsprogs, dosfstools, partclone, sgdisk and sfdisk. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { scanPack } from '../../src-engine/store/pack-scanner.ts';
import { FrameReader } from '../../src-engine/store/frame-reader.ts';
import { frameHeader } from '../../src-engine/store/pack-format.ts';
import {
  DELETED_MARKER,
  GAP_MARKER,
  LIVE_MARKER,
  makeExt4,
  makeGptDisk,
  makeMbrDisk,
  makeNoiseDisk,
  scatter,
  type TestDisk,
} from '../support/disks.ts';
import { openEngine, refusal, resultOf, type TestEngine } from '../support/engine.ts';
import {
  expectSameExt4,
  expectSameFat,
  expectSoundGpt,
  extractBoth,
  occurrences,
  recognised,
  sha256,
  tableOf,
} from '../support/judges.ts';
import { canLoop, MIB, run, workbench, type Workbench } from '../support/workbench.ts';

const bench = workbench();
let engine: TestEngine;

beforeAll(async () => {
  engine = await openEngine(bench.path('catalog'));
});
afterAll(() => engine.close());

/** Every volume of a deployed disk is what it was on the source. */
function expectSameVolumes(disk: TestDisk, target: string): void {
  expectSameExt4(bench, ...extractBoth(bench, disk.ext4, disk.path, target));
  expectSameFat(bench, ...extractBoth(bench, disk.esp, disk.path, target));
  const [swap, swapCopy] = extractBoth(bench, disk.swap, disk.path, target);
  expect(blkid(swapCopy)).toBe(blkid(swap));
  expect(blkid(swapCopy)).toContain('TYPE=swap');
  const [unknown, unknownCopy] = extractBoth(bench, disk.unknown, disk.path, target);
  run('cmp', unknown, unknownCopy);
}

const blkid = (image: string) => run('blkid', '-p', '-o', 'export', image).replace(/^DEVNAME=.*\n/, '');

/** A loop device whose backing file holds 0xFF everywhere. */
function onesDevice(name: string, lengthBytes: number): string {
  return bench.attach(bench.file(name, lengthBytes, 0xff));
}

describe.skipIf(!canLoop)('a GPT disk', () => {
  let disk: TestDisk;
  let checksum: string;

  beforeAll(async () => {
    disk = makeGptDisk(bench, 'gpt.img');
    expect(occurrences(disk.path, DELETED_MARKER)).toBeGreaterThanOrEqual(4000);
    checksum = await sha256(disk.path);
  });

  test('is captured without a change to it', async () => {
    const { planId, readBytes } = await engine.client.call('capture.plan', {
      ...{ source: disk.path, name: 'gpt', note: 'the note', tags: ['lab'] },
    });
    const { jobId } = await engine.client.call('capture.start', { planId });
    const result = resultOf(await engine.ended(jobId));
    expect(await sha256(disk.path)).toBe(checksum);
    expect(result).toMatchObject({ versionNumber: 1, damagedTemplates: [] });
    expect(result.verifiedBytes).toBeGreaterThan(10 * MIB);
    const template = await engine.client.call('template.show', { template: 'gpt' });
    expect(template).toMatchObject({ note: 'the note', tags: ['lab'], kind: 'lab', status: 'active' });
    const [version] = template.versions;
    expect(version).toMatchObject({ number: 1, health: 'verified', capacityBytes: 64 * MIB });
    // what the plan said: gaps are read, too, and their zeros are not kept
    expect(result.processedBytes).toBe(readBytes);
    expect(version.usedBytes).toBeLessThanOrEqual(readBytes);
    expect(version.newBytes).toBe(result.storedBytes);
    expect(version.disks[0].layout.volumes.map((volume) => volume.captureAs)).toEqual([
      'used-blocks',
      'used-blocks',
      'header-only',
      'whole',
    ]);
    resultOf(await engine.verify('gpt'));
  });

  test('becomes a new file of the same size', async () => {
    const target = bench.path('same.img');
    const result = resultOf(await engine.deploy('gpt', target));
    expect(result.readBack).toBe('direct');
    expect(result.verifiedBytes).toBe(result.processedBytes);
    expect(statSync(target).size).toBe(64 * MIB);
    expectSameVolumes(disk, target);
    expect(tableOf(target)).toEqual(tableOf(disk.path));
    expectSoundGpt(target);
    expect(occurrences(target, LIVE_MARKER)).toBeGreaterThan(1000);
    expect(occurrences(target, DELETED_MARKER)).toBe(0);
    expect(occurrences(target, GAP_MARKER)).toBe(1000);
    expect(statSync(target).blocks * 512).toBeLessThan(result.processedBytes + MIB);
  });

  test('replaces an existing file, which keeps its size', async () => {
    const target = bench.file('existing.img', 70 * MIB, 0xff);
    const inode = statSync(target).ino;
    resultOf(await engine.deploy('gpt', target, { overwrite: true }));
    expect(statSync(target).ino).not.toBe(inode);
    expect(statSync(target).size).toBe(70 * MIB);
    expectSameVolumes(disk, target);
    expectSoundGpt(target);
  });

  test('grows onto a longer file: the backup GPT stands at its end', async () => {
    const target = bench.path('longer.img');
    resultOf(await engine.deploy('gpt', target, { lengthBytes: 90 * MIB + 512 }));
    expect(statSync(target).size).toBe(90 * MIB + 512);
    expectSameVolumes(disk, target);
    expectSoundGpt(target);
    expect(tableOf(target)).toEqual(tableOf(disk.path));
  });

  test('grows onto a larger device that was full of ones', async () => {
    const device = onesDevice('device.img', 80 * MIB);
    resultOf(await engine.deploy('gpt', device, { confirm: device }));
    expectSameVolumes(disk, device);
    expectSoundGpt(device);
    expect(tableOf(device)).toEqual(tableOf(disk.path));
    expect(occurrences(bench.path('device.img'), DELETED_MARKER)).toBe(0);
    expect(occurrences(bench.path('device.img'), GAP_MARKER)).toBe(1000);
    // what is used and zero was written as zeros; what is not used was left alone
    const mapped = bench.mount(device, `ro,noload,offset=${disk.ext4.startBytes},sizelimit=${disk.ext4.lengthBytes}`);
    expect(readFileSync(join(mapped, 'zeros')).equals(Buffer.alloc(MIB))).toBe(true);
    bench.unmount(mapped);
    const ones = readFileSync(bench.path('device.img')).subarray(70 * MIB, 79 * MIB);
    expect(ones.every((byte) => byte === 0xff)).toBe(true);
    bench.detach(device);
  });

  test('keeps deleted content out of the packs', async () => {
    const content: Buffer[] = [];
    const packs = readdirSync(bench.path('catalog/packs'), { recursive: true, withFileTypes: true });
    const reader = new FrameReader();
    for (const entry of packs.filter((found) => found.isFile())) {
      const packPath = join(entry.parentPath, entry.name);
      const pack = (await scanPack(packPath, entry.name, new AbortController().signal))!;
      expect(pack.skippedBytes).toBe(0);
      for (const { offset, storedBytes, table } of pack.frames) {
        const headBytes = frameHeader.size + table.length;
        content.push(Buffer.from(reader.read({ packPath, offset, headBytes, storedBytes })));
      }
    }
    reader.close();
    const all = Buffer.concat(content);
    expect(all.includes(LIVE_MARKER)).toBe(true);
    expect(all.includes(DELETED_MARKER)).toBe(false);
  });

  test('adds almost nothing when it is captured again', async () => {
    const again = resultOf(await engine.capture(disk.path, 'other name'));
    expect(again.storedBytes).toBeLessThan(20_000);
    const version2 = resultOf(await engine.capture(disk.path, 'gpt'));
    expect(version2).toMatchObject({ versionNumber: 2, storedBytes: again.storedBytes });
    resultOf(await engine.verify());
  });

  test('has versions that can be deployed, deleted and brought back', async () => {
    // a third version with other content
    const changed = bench.path('changed.img');
    run('cp', '--sparse=always', disk.path, changed);
    const { startBytes, lengthBytes } = disk.ext4;
    const point = bench.mount(changed, `loop,offset=${startBytes},sizelimit=${lengthBytes}`);
    run('sh', '-c', `echo new > ${point}/only-in-version-3`);
    bench.unmount(point);
    const { versionNumber, storedBytes } = resultOf(await engine.capture(changed, 'gpt'));
    expect(versionNumber).toBe(3);
    expect(storedBytes).toBeLessThan(MIB);

    const { client } = engine;
    const numbers = async (template: string) =>
      (await client.call('template.show', { template })).versions.map((version) => version.number);
    expect(await numbers('gpt')).toEqual([3, 2, 1]);
    const newest = bench.path('newest.img');
    resultOf(await engine.deploy('gpt', newest));
    expectSameVolumes({ ...disk, path: changed }, newest);
    resultOf(await engine.deploy('gpt@1', newest, { overwrite: true }));
    expectSameVolumes(disk, newest);

    await client.call('template.delete', { template: 'gpt@3' });
    expect(await numbers('gpt')).toEqual([2, 1]);
    expect(await refusal(client.call('deploy.plan', { template: 'gpt@3', target: newest }))).toMatchObject({
      code: 'TEMPLATE_NOT_FOUND',
    });
    await client.call('template.undelete', { template: 'gpt@3' });
    expect(await numbers('gpt')).toEqual([3, 2, 1]);

    await client.call('template.delete', { template: 'gpt' });
    expect((await client.call('template.list', {})).map((template) => template.name)).toEqual(['other name']);
    const bin = await client.call('template.list', { deleted: true });
    expect(bin.map((template) => [template.name, template.versions.length])).toEqual([['gpt', 3]]);
    await client.call('template.undelete', { template: 'gpt' });
    expect(await numbers('gpt')).toEqual([3, 2, 1]);
  });

  test('can be edited', async () => {
    const { client } = engine;
    const changes = { name: 'renamed', note: 'another', tags: ['a', 'b'], status: 'deprecated' as const };
    const edited = await client.call('template.edit', { template: 'gpt', ...changes });
    expect(edited).toMatchObject(changes);
    expect(await client.call('template.show', { template: edited.id })).toMatchObject(changes);
    expect(await refusal(client.call('template.edit', { template: 'renamed', name: 'other name' }))).toMatchObject({
      code: 'NAME_TAKEN',
    });
    const plan = await client.call('deploy.plan', { template: 'renamed', target: bench.path('x.img') });
    expect(plan.canRun).toBe(false);
    expect(plan.report.lines[0]).toMatchObject({ level: 'block', rule: 'active-for-new', value: 'deprecated' });
    await client.call('template.edit', { template: 'renamed', name: 'gpt', status: 'active' });
    const actions = (await client.call('log.list', {})).map((entry) => entry.action);
    expect(actions.slice(0, 2)).toEqual(['template.edited', 'template.edited']);
    expect(actions).toEqual(
      expect.arrayContaining(['template.captured', 'template.deployed', 'template.deleted', 'template.undeleted']),
    );
  });
});

describe.skipIf(!canLoop)('an MBR disk with logical partitions', () => {
  let disk: TestDisk;

  beforeAll(async () => {
    disk = makeMbrDisk(bench, 'mbr.img');
    resultOf(await engine.capture(disk.path, 'mbr'));
  });

  test('becomes a new file', async () => {
    const target = bench.path('mbr-new.img');
    resultOf(await engine.deploy('mbr', target));
    expectSameVolumes(disk, target);
    expect(tableOf(target)).toEqual(tableOf(disk.path));
    expect(tableOf(target).partitions).toHaveLength(5);
    expect(occurrences(target, DELETED_MARKER)).toBe(0);
  });

  test('becomes a larger device that was full of ones', async () => {
    const device = onesDevice('mbr-device.img', 72 * MIB);
    resultOf(await engine.deploy('mbr', device, { confirm: device }));
    expectSameVolumes(disk, device);
    expect(tableOf(device)).toEqual(tableOf(disk.path));
    bench.detach(device);
  });
});

describe.skipIf(!canLoop)('disks without a table', () => {
  test.each([
    ['ext4 with 4 KiB blocks', 24 * MIB, ['-b', '4096']],
    ['ext4 with 1 KiB blocks', 24 * MIB, ['-b', '1024']],
    ['ext2 with 2 KiB blocks', 24 * MIB, ['-b', '2048', '-t', 'ext2']],
    ['ext4 in a file of odd length', 24 * MIB + 1234, ['-b', '1024']],
  ])('%s', async (name, lengthBytes, options) => {
    const image = makeExt4(bench, `${name}.img`, lengthBytes, ...options);
    resultOf(await engine.capture(image, name));
    const target = bench.path(`${name}.new`);
    resultOf(await engine.deploy(name, target));
    expect(statSync(target).size).toBe(lengthBytes);
    expectSameExt4(bench, image, target);
    expect(occurrences(target, DELETED_MARKER)).toBe(0);

    const device = onesDevice(`${name}.device`, 26 * MIB);
    resultOf(await engine.deploy(name, device, { confirm: device }));
    expectSameExt4(bench, image, device);
    expect(occurrences(`${bench.path(`${name}.device`)}`, DELETED_MARKER)).toBe(0);
    bench.detach(device);
  });

  test.each([1, 40, 511, 512, 4095, 70_001])('%d bytes that nothing recognises', async (lengthBytes) => {
    const image = bench.file(`tiny-${lengthBytes}`, lengthBytes, 0x61);
    resultOf(await engine.capture(image, `tiny ${lengthBytes}`, { format: 'raw' }));
    const target = bench.path(`tiny-${lengthBytes}.new`);
    resultOf(await engine.deploy(`tiny ${lengthBytes}`, target));
    run('cmp', image, target);
  });

  test('nothing but zeros', async () => {
    const image = bench.file('zeros.img', 20 * MIB + 7);
    const { storedBytes } = resultOf(await engine.capture(image, 'zeros', { format: 'raw' }));
    expect(storedBytes).toBe(0);
    const device = onesDevice('zeros.device', 24 * MIB);
    resultOf(await engine.deploy('zeros', device, { confirm: device }));
    run('cmp', '-n', String(20 * MIB + 7), image, device);
    bench.detach(device);
    const target = bench.path('zeros.new');
    resultOf(await engine.deploy('zeros', target));
    run('cmp', image, target);
    // but for the window with the first sectors, a new file stays sparse
    expect(statSync(target).blocks * 512).toBeLessThanOrEqual(8 * MIB);
  });

  test('an empty file is refused', async () => {
    const image = bench.file('empty.img', 0);
    const plan = await refusal(engine.client.call('capture.plan', { source: image, name: 'empty' }));
    expect(plan.code).toBe('FORMAT_INVALID');
  });
});

test.skipIf(!canLoop)('a device is a source like a file', async () => {
  const image = makeNoiseDisk(bench, 'noise.img', 9 * MIB);
  const device = bench.attach(image);
  resultOf(await engine.capture(device, 'from device'));
  bench.detach(device);
  const target = bench.path('from-device.img');
  resultOf(await engine.deploy('from device', target));
  run('cmp', image, target);
});

test.skipIf(!canLoop)('prune reclaims what was deleted, and nothing else', async () => {
  const catalog = bench.path('pruned');
  const other = await openEngine(catalog);
  try {
    const { client } = other;
    const stored = async () => (await client.call('app.info', {})).storeBytes;
    const keep = makeExt4(bench, 'keep.img', 24 * MIB);
    const drop = bench.path('drop.img');
    run('cp', '--sparse=always', keep, drop);
    grow(bench, drop);
    resultOf(await other.capture(keep, 'keep'));
    const alone = await stored();
    resultOf(await other.capture(drop, 'drop'));
    expect(await stored()).toBeGreaterThan(alone + 2 * MIB);

    await client.call('template.delete', { template: 'drop' });
    const { storedBytes: reclaimed } = resultOf(await other.prune());
    expect(reclaimed).toBeGreaterThan(2 * MIB);
    expect(await stored()).toBeLessThan(alone + 100_000);
    expect(await client.call('template.list', { deleted: true })).toEqual([]);
    expect(await refusal(client.call('template.undelete', { template: 'drop' }))).toMatchObject({
      code: 'TEMPLATE_NOT_FOUND',
    });
    const onDisk = Number(run('du', '-sb', join(catalog, 'packs')).split('\t')[0]);
    expect(onDisk).toBeLessThan(alone + 100_000 + 300 * 4096);
    resultOf(await other.verify());
    const target = bench.path('kept.img');
    resultOf(await other.deploy('keep', target));
    expectSameExt4(bench, keep, target);

    // the first pack holds what both had: without the first template it is mostly dead, and written anew
    resultOf(await other.capture(drop, 'drop'));
    await client.call('template.delete', { template: 'keep' });
    resultOf(await other.prune());
    resultOf(await other.verify());
    resultOf(await other.deploy('drop', target, { overwrite: true }));
    expectSameExt4(bench, drop, target);

    await client.call('template.delete', { template: 'drop' });
    resultOf(await other.prune());
    expect(await stored()).toBe(0);
    expect(readdirSync(join(catalog, 'manifests'))).toEqual([]);
    expect(run('find', join(catalog, 'packs'), '-type', 'f')).toBe('');
    expect(recognised(target)).toContain('ext4');
  } finally {
    await other.close();
  }
});

function grow(on: Workbench, image: string): void {
  const point = on.mount(image, 'loop');
  run('sh', '-c', `head -c ${3 * MIB} /dev/urandom > ${point}/grown`);
  on.unmount(point);
  scatter(on, image);
}
