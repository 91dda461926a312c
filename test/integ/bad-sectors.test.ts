/** A source with bad sectors: a capture ends, naming the place, or goes on and says which files lost what. debugfs and mtools are the judges. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Damage } from '../../src-engine/contract/template.contract.ts';
import { extract, makeGptDisk, noise, type Part, type TestDisk } from '../support/disks.ts';
import { openEngine, refusal, resultOf, type TestEngine } from '../support/engine.ts';
import { canFail, failingFile } from '../support/failing-file.ts';
import { canLoop, MIB, run, workbench } from '../support/workbench.ts';
import { detachAll, lvmOn } from './volumes/lvm.ts';

const bench = workbench();
let engine: TestEngine;
beforeAll(async () => void (engine = await openEngine(bench.path('catalog'))));
afterAll(() => engine.close());

type Bad = readonly [number, number];

/** Names of the file that owns a block of an ext file system, as debugfs knows it. */
function ownerOf(ext4: string, block: number): string {
  const inode = /^\d+\s+(\d+)$/m.exec(run('debugfs', '-R', `icheck ${block}`, ext4))![1];
  return /^\d+\s+(\/.*)$/m.exec(run('debugfs', '-R', `ncheck ${inode}`, ext4))![1].replace('//', '/');
}

/** The number of the n-th block of a file. */
function blockOf(ext4: string, path: string, n: number): number {
  return Number(run('debugfs', '-R', `bmap ${path} ${n}`, ext4).trim());
}

const blockBytesOf = (ext4: string) => Number(/Block size:\s+(\d+)/.exec(run('dumpe2fs', '-h', ext4))![1]);

async function damageOf(template: string): Promise<Damage> {
  const { damage } = (await engine.client.call('template.show', { template })).versions[0].disks[0];
  return damage!;
}

const pathsIn = ({ files }: Damage, volume: string) =>
  files.filter((file) => file.volume === volume).map(({ path }) => path);

const canTest = canLoop && canFail;

describe.skipIf(!canTest)('a disk with bad sectors', () => {
  let disk: TestDisk;
  let ext4: string;
  let blockBytes: number;
  let source: string;
  let bad: Bad[];
  beforeAll(async () => {
    disk = makeGptDisk(bench, 'disk.img');
    ext4 = extract(disk.path, disk.ext4, bench.path('ext4.part'));
    blockBytes = blockBytesOf(ext4);
    const place = (path: string, n: number): Bad => {
      const start = disk.ext4.startBytes + blockOf(ext4, path, n) * blockBytes;
      return [start, start + 512];
    };
    bad = [
      place('/living', 3),
      place('/deep/deeper/file4', 20),
      [disk.unknown.startBytes + 100_000, disk.unknown.startBytes + 200_000],
    ];
    source = await failingFile(bench, disk.path, bad);
  });

  test('ends where nobody said to go on, with the place and the way', async () => {
    const fine = await failingFile(bench, disk.path, bad.slice(0, 2));
    const job = await engine.capture(fine, 'stopped');
    expect(job.error).toMatchObject({ code: 'READ_FAILED', data: { canFill: true } });
    expect(job.error!.data.offsetBytes).toBeTypeOf('number');
    expect(await refusal(engine.client.call('template.show', { template: 'stopped' }))).toMatchObject({
      code: 'TEMPLATE_NOT_FOUND',
    });
  });

  test('goes on where it may: names the files, fills with zeros, loses nothing else', async () => {
    const job = await engine.capture(source, 'filled', { onUnreadable: 'fill' });
    resultOf(job);
    expect(job.warnings.map(({ code }) => code)).toContain('SECTORS_UNREADABLE');
    const { versions } = await engine.client.call('template.show', { template: 'filled' });
    const { health } = versions[0];
    const { damage } = versions[0].disks[0];
    expect(health).toBe('verified');
    const owners = bad
      .slice(0, 2)
      .map(([start]) => ownerOf(ext4, Math.floor((start - disk.ext4.startBytes) / blockBytes)));
    expect(pathsIn(damage!, '2').sort()).toEqual(owners.sort());
    expect(damage!.files.filter(({ volume }) => volume === '4')).toEqual([
      { volume: '4', path: '', lengthBytes: expect.any(Number) },
    ]);
    // no more than the pages around what is bad
    expect(damage!.lengthBytes).toBeLessThanOrEqual(2 * 4096 + 100_000 + 2 * 4096);
    for (const [start, end] of bad) {
      expect(
        damage!.extents.some((extent) => extent.startBytes <= start && end <= extent.startBytes + extent.lengthBytes),
      ).toBe(true);
    }

    const target = bench.path('deployed.img');
    const plan = await engine.client.call('deploy.plan', { template: 'filled', target });
    expect(plan.checks).toContainEqual(expect.objectContaining({ code: 'TEMPLATE_INCOMPLETE', level: 'warn' }));
    resultOf(await engine.deploy('filled', target));
    const [original, copy] = [disk.path, target].map((path) => readFileSync(path));
    for (const { startBytes, lengthBytes } of damage!.extents) {
      expect(copy.subarray(startBytes, startBytes + lengthBytes).every((byte) => byte === 0)).toBe(true);
      original.fill(0, startBytes, startBytes + lengthBytes);
    }
    const { startBytes, lengthBytes } = disk.unknown;
    expect(
      copy
        .subarray(startBytes, startBytes + lengthBytes)
        .equals(original.subarray(startBytes, startBytes + lengthBytes)),
    ).toBe(true);
    const deployed = extract(target, disk.ext4, bench.path('copy.part'));
    run('e2fsck', '-fn', deployed);
    const [theirs, ours] = [ext4, deployed].map((image) => bench.mount(image, 'loop,ro,noload'));
    const differing = run('sh', '-c', `diff -rq ${theirs} ${ours} || true`).match(/(?<=Files \S+mounted-\d+)\/\S+/g);
    expect(differing!.sort()).toEqual(owners.sort());
    [theirs, ours].forEach((point) => bench.unmount(point));
  });

  test('folders, inodes and files of FAT are told too', async () => {
    const table = Number(/Inode table at (\d+)/.exec(run('dumpe2fs', ext4))![1]);
    const inode = Number(/Inode: (\d+)/.exec(run('debugfs', '-R', 'stat /living', ext4))![1]);
    const inodeAt = table * blockBytes + (inode - 1) * 256;
    const [fat] = [extract(disk.path, disk.esp, bench.path('fat.part'))];
    const cluster = Number(/<(\d+)-/.exec(run('mshowfat', '-i', fat, '::living'))![1]);
    const clusterAt = clusterPlace(fat, cluster + 3);
    const folder = blockOf(ext4, '/deep/deeper', 0);
    const failing = await failingFile(bench, disk.path, [
      [disk.ext4.startBytes + folder * blockBytes, disk.ext4.startBytes + folder * blockBytes + 1],
      [disk.ext4.startBytes + inodeAt, disk.ext4.startBytes + inodeAt + 1],
      [disk.esp.startBytes + clusterAt, disk.esp.startBytes + clusterAt + 1],
    ]);
    resultOf(await engine.capture(failing, 'metadata', { onUnreadable: 'fill' }));
    const damage = await damageOf('metadata');
    expect(pathsIn(damage, '2')).toEqual([ownerOf(ext4, folder), '']);
    expect(pathsIn(damage, '1')).toEqual(['/living']);
    expect(damage.lengthBytes).toBe(3 * 4096);
  });

  test('tables of a file system that cannot be read: the volume is captured whole', async () => {
    const start = disk.ext4.startBytes + 1024;
    const broken = await failingFile(bench, disk.path, [[start, start + 512]]);
    expect(await refusal(engine.client.call('capture.plan', { source: broken, name: 'x' }))).toMatchObject({
      code: 'READ_FAILED',
    });
    const plan = await engine.client.call('capture.plan', { source: broken, name: 'x', onUnreadable: 'fill' });
    expect(plan.disk.volumes[1]).toMatchObject({ captureAs: 'whole', usedBytes: disk.ext4.lengthBytes });
    expect(plan.disk.volumes[1].warnings.map(({ code }) => code)).toContain('FILESYSTEM_UNREADABLE');
  });

  test('a disk that fails nearly everywhere ends in time', async () => {
    const dying = await failingFile(bench, disk.path, [[MIB, disk.unknown.startBytes + disk.unknown.lengthBytes]]);
    const began = Date.now();
    const job = await engine.capture(dying, 'dying', { onUnreadable: 'fill' });
    resultOf(job);
    expect(Date.now() - began).toBeLessThan(120_000);
  });
});

/** Where a cluster of a FAT lies, as the BIOS parameter block says. */
function clusterPlace(fat: string, cluster: number): number {
  const boot = readFileSync(fat).subarray(0, 512);
  const sectorBytes = boot.readUInt16LE(11);
  const rootSectors = (boot.readUInt16LE(17) * 32) / sectorBytes;
  const dataSector = boot.readUInt16LE(14) + boot[16] * boot.readUInt16LE(22) + rootSectors;
  return (dataSector + (cluster - 2) * boot[13]) * sectorBytes;
}

describe.skipIf(!canTest)('a volume group with bad sectors', () => {
  test('files of logical volumes are named, in linear and in striped ones', async () => {
    const parts: Part[] = [
      { startBytes: MIB, lengthBytes: 40 * MIB },
      { startBytes: 41 * MIB, lengthBytes: 40 * MIB },
    ];
    const disk = bench.file('lvm.img', 84 * MIB);
    run('sgdisk', '-n', '1:1M:+40M', '-t', '1:8e00', '-n', '2:41M:+40M', '-t', '2:8e00', disk);
    const lvm = lvmOn(bench, disk, parts);
    lvm('vgcreate', '-y', '-s', '1M', 'lab', ...lvm.devices);
    lvm.create('-Wn', '-L', '20M', '-n', 'root', 'lab', lvm.devices[1]);
    lvm.create('-Wn', '-i2', '-I', '64k', '-L', '20M', '-n', 'data', 'lab');
    const image = bench.file('volume.img', 20 * MIB);
    run('mkfs.ext4', '-q', image);
    const point = bench.mount(image, 'loop');
    for (let i = 0; i < 30; i++) writeFileSync(join(point, `file ${i}`), noise(`file ${i}`, 100_000));
    bench.unmount(point);
    for (const volume of ['lab/root', 'lab/data']) lvm.fill(volume, image);

    const needle = noise('file 17', 100_000).subarray(70_000, 70_100);
    const bytes = readFileSync(disk);
    const first = bytes.indexOf(needle);
    const second = bytes.indexOf(needle, first + 1);
    expect([first > 0, second > first]).toEqual([true, true]);
    detachAll(bench, lvm);
    const failing = await failingFile(bench, disk, [
      [first, first + 100],
      [second, second + 100],
    ]);
    resultOf(await engine.capture(failing, 'lvm', { onUnreadable: 'fill' }));
    const { files } = await damageOf('lvm');
    expect(files.map(({ volume, path }) => `${volume}:${path}`).sort()).toEqual([
      'lab/data:/file 17',
      'lab/root:/file 17',
    ]);
  });
});
