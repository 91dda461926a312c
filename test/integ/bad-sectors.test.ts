/** A source with bad sectors: a capture ends, naming the place, or goes on and says which files lost what. debugfs is the judge. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeGptDisk, type TestDisk } from '../support/disks.ts';
import { openEngine, refusal, resultOf, type TestEngine } from '../support/engine.ts';
import { canFail, failingFile } from '../support/failing-file.ts';
import { extract } from '../support/disks.ts';
import { canLoop, MIB, run, workbench } from '../support/workbench.ts';

const bench = workbench();
let engine: TestEngine;
beforeAll(async () => void (engine = await openEngine(bench.path('catalog'))));
afterAll(() => engine.close());

/** Names of the file that owns a block of an ext file system, as debugfs knows it. */
function ownerOf(ext4: string, block: number): string {
  const inode = /^\d+\s+(\d+)$/m.exec(run('debugfs', '-R', `icheck ${block}`, ext4))![1];
  return /^\d+\s+(\/.*)$/m.exec(run('debugfs', '-R', `ncheck ${inode}`, ext4))![1].replace('//', '/');
}

/** The number of the n-th block of a file. */
function blockOf(ext4: string, path: string, n: number): number {
  return Number(run('debugfs', '-R', `bmap ${path} ${n}`, ext4).trim());
}

describe.skipIf(!canLoop || !canFail)('a disk with bad sectors', () => {
  let disk: TestDisk;
  let ext4: string;
  let blockBytes: number;
  let source: string;
  let bad: [number, number][];
  beforeAll(async () => {
    disk = makeGptDisk(bench, 'disk.img');
    ext4 = extract(disk.path, disk.ext4, bench.path('ext4.part'));
    blockBytes = Number(/Block size:\s+(\d+)/.exec(run('dumpe2fs', '-h', ext4))![1]);
    const place = (path: string, n: number): [number, number] => {
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
    const { damage, health } = versions[0];
    expect(health).toBe('verified');
    const owners = bad
      .slice(0, 2)
      .map(([start]) => ownerOf(ext4, Math.floor((start - disk.ext4.startBytes) / blockBytes)));
    expect(
      damage!.files
        .filter(({ volume }) => volume === '2')
        .map(({ path }) => path)
        .sort(),
    ).toEqual(owners.sort());
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
    for (const part of [disk.esp, disk.unknown]) {
      const end = part.startBytes + part.lengthBytes;
      if (part === disk.unknown)
        expect(copy.subarray(part.startBytes, end).equals(original.subarray(part.startBytes, end))).toBe(true);
    }
    run('e2fsck', '-fn', extract(target, disk.ext4, bench.path('copy.part')));
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
