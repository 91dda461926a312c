/** Disks that become full: the job ends with the reason, nothing half made stays, what was there before is sound. */
import { existsSync, mkdirSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { commandLine, lastLine } from '../support/command-line.ts';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeExt4, makeNoiseDisk, makeSlowDisk, noise } from '../support/disks.ts';
import { openEngine, refusal, resultOf, type TestEngine } from '../support/engine.ts';
import { canLoop, MIB, run, workbench } from '../support/workbench.ts';

const bench = workbench();
let engine: TestEngine;
let small: string;
let count = 0;

/** A mounted ext4 of that size, without blocks reserved for root. */
function smallDisk(lengthBytes: number): string {
  const image = bench.file(`disk-${count++}.ext4`, lengthBytes);
  run('mkfs.ext4', '-q', '-F', '-m', '0', image);
  return bench.mount(image, 'loop');
}

/** Leaves not one block: dd goes on to the last. */
function takeEverything(folder: string): void {
  for (const blockBytes of [65536, 512]) {
    run('sh', '-c', `dd if=/dev/zero of=${join(folder, `filler-${blockBytes}`)} bs=${blockBytes} 2>/dev/null || true`);
  }
  const { bavail } = statfsSync(folder);
  expect(bavail).toBe(0);
}

/** Takes all the room that is left. @returns the file that takes it */
function takeAll(folder: string, leaveBytes = 0): string {
  const path = join(folder, 'filler');
  const { bavail, bsize } = statfsSync(folder);
  run('fallocate', '-l', String(Math.max(1, bavail * bsize - leaveBytes - 2 * MIB)), path);
  if (leaveBytes === 0) run('sh', '-c', `dd if=/dev/zero of=${path}.rest bs=4k 2>/dev/null || true`);
  return path;
}

describe.skipIf(!canLoop)('full', () => {
  let catalog: string;
  beforeEach(async () => {
    small = smallDisk(64 * MIB);
    catalog = join(small, 'catalog');
    engine = await openEngine(catalog);
    const base = bench.path('base.img');
    if (!existsSync(base)) makeExt4(bench, 'base.img', 16 * MIB);
    resultOf(await engine.capture(base, 'base'));
  });
  afterEach(async () => {
    await engine.close();
    bench.unmount(small);
  });

  async function expectBaseIsSound() {
    const templates = await engine.client.call('template.list', {});
    expect(templates.map(({ name, versions }) => [name, versions.length])).toEqual([['base', 1]]);
    expect(readdirSync(join(catalog, 'scratch'))).toEqual([]);
    expect(readdirSync(join(catalog, 'manifests'))).toHaveLength(2);
    resultOf(await engine.verify());
    const target = bench.path('base.deployed');
    resultOf(await engine.deploy('base', target));
    run('e2fsck', '-fn', target);
    rmSync(target);
  }

  test.each([100 * MIB, 58 * MIB])('a capture of %d bytes that the catalog has no room for', async (lengthBytes) => {
    const source = makeNoiseDisk(bench, 'noise.img', lengthBytes);
    const planned = await engine.client.call('capture.plan', { source, name: 'large' });
    if (lengthBytes > 64 * MIB) expect(planned.canRun).toBe(true);
    const job = await engine.capture(source, 'large');
    expect(job).toMatchObject({ outcome: 'failed', error: { code: 'DISK_FULL' }, result: null });
    await expectBaseIsSound();
    // there is room for what fits
    resultOf(await engine.capture(makeNoiseDisk(bench, 'fits.img', 20 * MIB), 'fits'));
    resultOf(await engine.verify());
  });

  test('a catalog on a disk that somebody else has filled', async () => {
    const filler = takeAll(small);
    const { client } = engine;
    expect((await client.call('template.list', {})).map((template) => template.name)).toEqual(['base']);
    const source = makeNoiseDisk(bench, 'noise.img', 8 * MIB);
    const attempt = async (command: Promise<{ error: { code: string } | null }>) =>
      command.then(
        (job) => job.error?.code,
        (error) => error.view.code as string,
      );
    expect(await attempt(engine.capture(source, 'no room'))).toBe('DISK_FULL');
    // what has little to write may still find room for it
    expect([undefined, 'DISK_FULL']).toContain(await attempt(engine.verify()));
    expect([undefined, 'DISK_FULL']).toContain(await attempt(engine.prune()));
    expect([undefined, 'DISK_FULL']).toContain(await attempt(engine.deploy('base', bench.path('elsewhere.img'))));
    await client.call('template.edit', { template: 'base', note: 'x'.repeat(10_000) }).catch((error) => {
      expect(error.view.code).toBe('DISK_FULL');
    });
    await engine.close();
    engine = await openEngine(catalog);
    expect((await engine.client.call('template.list', {})).map((template) => template.name)).toEqual(['base']);
    rmSync(filler);
    rmSync(`${filler}.rest`);
    await expectBaseIsSound();
    resultOf(await engine.capture(source, 'room'));
    resultOf(await engine.prune());
    resultOf(await engine.verify());
  });

  test('a prune that has no room to write anew what is still alive', async () => {
    const { client } = engine;
    await client.call('template.delete', { template: 'base' });
    resultOf(await engine.prune());
    const [x, y, z] = ['x', 'y', 'z'].map((name) => noise(name, 12 * MIB));
    const sources = { worn: Buffer.concat([x.subarray(0, 8 * MIB), y]), kept: x, dead: z };
    for (const [name, bytes] of Object.entries(sources)) {
      writeFileSync(bench.path(`${name}.img`), bytes);
      resultOf(await engine.capture(bench.path(`${name}.img`), name));
    }
    await client.call('template.delete', { template: 'worn' });
    const filler = takeAll(small, 4 * MIB);
    const stored = async () => (await client.call('app.info', {})).storeBytes;
    const onDisk = () => {
      const sizes = run('find', join(catalog, 'packs'), '-type', 'f', '-printf', '%s\n').trim().split('\n').map(Number);
      return sizes.reduce((sum, size) => sum + size);
    };
    expect(await engine.prune()).toMatchObject({ outcome: 'failed', error: { code: 'DISK_FULL' } });
    expect(onDisk()).toBe(await stored());
    expect(readdirSync(join(catalog, 'scratch'))).toEqual([]);
    resultOf(await engine.verify());

    // what is dead as a whole makes the room
    await client.call('template.delete', { template: 'dead' });
    resultOf(await engine.prune());
    expect(await stored()).toBeLessThan(13 * MIB);
    expect(onDisk()).toBe(await stored());
    resultOf(await engine.verify());
    resultOf(await engine.deploy('kept', bench.path('kept.deployed')));
    run('cmp', bench.path('kept.img'), bench.path('kept.deployed'));
    rmSync(filler);
  });

  test('a deploy to a file for which there is no room from the start', async () => {
    const targets = smallDisk(24 * MIB);
    resultOf(await engine.capture(makeNoiseDisk(bench, 'noise.img', 30 * MIB), 'large'));
    const target = join(targets, 'target.img');
    const planned = await engine.client.call('deploy.plan', { template: 'large', target });
    expect(planned.checks).toContainEqual(expect.objectContaining({ code: 'TARGET_FOLDER_SPACE_LOW', level: 'block' }));
    expect(await refusal(engine.client.call('deploy.start', { planId: planned.planId }))).toMatchObject({
      code: 'PLAN_BLOCKED',
      data: { check: 'TARGET_FOLDER_SPACE_LOW', requiredBytes: 30 * MIB },
    });
    bench.unmount(targets);
  });
});

test.skipIf(!canLoop)('a deploy to a file whose disk becomes full on the way', async () => {
  const targets = smallDisk(200 * MIB);
  engine = await openEngine(bench.path('roomy'));
  try {
    resultOf(await engine.capture(makeSlowDisk(bench, 'slow.img'), 'slow'));
    const target = join(targets, 'target.img');
    const { planId } = await engine.client.call('deploy.plan', { template: 'slow', target });
    const { jobId } = await engine.client.call('deploy.start', { planId });
    await engine.reached(jobId, 'writing');
    takeAll(targets, 16 * MIB);
    expect(await engine.ended(jobId)).toMatchObject({ outcome: 'failed', error: { code: 'DISK_FULL' } });
    expect(readdirSync(targets).filter((name) => name.includes('target'))).toEqual([]);
  } finally {
    await engine.close();
    bench.unmount(targets);
  }
});

describe.skipIf(!canLoop)('entirely full, each command a process of its own', () => {
  const point = () => smallDisk(48 * MIB);

  async function makeCatalog(folder: string): Promise<string> {
    const catalog = join(folder, 'catalog');
    const own = await openEngine(catalog);
    resultOf(await own.capture(makeNoiseDisk(bench, 'small.img', MIB), 'kept'));
    resultOf(await own.capture(makeNoiseDisk(bench, 'away.img', 4 * MIB), 'away'));
    await own.close();
    return catalog;
  }

  /** What needs no room is done: what it reads is copied to where there is some, or to memory. */
  async function expectReads(catalog: string, folder: string): Promise<void> {
    const temporary = { ...process.env, TMPDIR: folder };
    const reads = ['list', 'jobs', 'verify'].map((command) => commandLine(catalog, temporary)(...command.split(' ')));
    for (const { code, err } of await Promise.all(reads)) expect([code, err]).toEqual([0, expect.any(String)]);
    expect(statfsSync(folder).bavail).toBe(0);
  }

  test('what frees room works with the room that was set by', async () => {
    const folder = point();
    const catalog = await makeCatalog(folder);
    takeEverything(folder);
    await expectReads(catalog, folder);
    const diskpress = commandLine(catalog);
    expect(await diskpress('delete', 'away')).toMatchObject({ code: 0 });
    expect(await diskpress('prune')).toMatchObject({ code: 0 });
    const { bavail, bsize } = statfsSync(folder);
    expect(bavail * bsize).toBeGreaterThan(4 * MIB);
    expect((await diskpress('list')).out).not.toContain('away');
    expect(await diskpress('verify')).toMatchObject({ code: 0 });
    bench.unmount(folder);
  });

  test('a deploy and an export are written down, and what is looked into can be looked into again', async () => {
    const folder = point();
    const catalog = await makeCatalog(folder);
    takeEverything(folder);
    const own = await openEngine(catalog);
    const look = () => own.client.call('files.volumes', { template: 'kept' });
    const volumes = await look();
    resultOf(await own.deploy('kept', bench.path('from-full.img')));
    expect(await look()).toEqual(volumes);
    const exported = bench.path('from-full.qcow2');
    const { planId } = await own.client.call('export.plan', { template: 'kept', path: exported, format: 'qcow2' });
    resultOf(await own.ended((await own.client.call('export.start', { planId })).jobId));
    await own.close();
    const { out } = await commandLine(catalog)('jobs');
    expect(out).toMatch(/Deploy\s+kept\s+.*from-full\.img\s+Done/);
    expect(out).toMatch(/Export\s+kept\s+.*from-full\.qcow2\s+Done/);
    expect((await commandLine(catalog)('log')).out).toContain('from-full.img');
    bench.unmount(folder);
  });

  test('where nothing was set by, or it is used up, the place and its room are told', async () => {
    const folder = point();
    const catalog = await makeCatalog(folder);
    rmSync(join(catalog, 'reserve'));
    takeEverything(folder);
    const source = makeNoiseDisk(bench, 'small.img', MIB);
    const writes = ['delete away', 'edit kept --note x', 'prune', `capture ${source} --name new`];
    const ends = await Promise.all(writes.map((write) => commandLine(catalog)('--json', ...write.split(' '))));
    for (const [i, ended] of ends.entries()) {
      expect([writes[i], ended.code]).toEqual([writes[i], 9]);
      expect(lastLine(ended).error).toMatchObject({
        code: 'DISK_FULL',
        data: { path: expect.stringContaining(catalog), freeBytes: 0 },
      });
    }
    expect(await commandLine(catalog)('list')).toMatchObject({ code: 0 });
    bench.unmount(folder);
  });
});

test.skipIf(process.platform !== 'linux')('a file that would be larger than one may be is no full disk', async () => {
  const catalog = bench.path('limited');
  engine = await openEngine(catalog);
  resultOf(await engine.capture(makeNoiseDisk(bench, 'noise.img', 3 * MIB), 'noise'));
  await engine.close();
  const maxBytes = MIB;
  const limited = (...args: string[]) => {
    const main = process.env.DISKPRESS_WORKERS
      ? join(process.env.DISKPRESS_WORKERS, 'cli.js')
      : join(import.meta.dirname, '../../src-main/cli/main.ts');
    // what fails is told by its code; sh counts in blocks of 512 bytes
    const words = ['-c', `ulimit -f ${maxBytes / 512}; "$@"; true`, 'sh', process.execPath, main, '--catalog', catalog];
    return run('sh', ...words, '--lang', 'en', '--json', ...args);
  };
  const target = bench.path('folder', 'target.img');
  mkdirSync(bench.path('folder'));
  for (const args of [
    ['deploy', 'noise', target],
    ['export', 'noise', target, '--format', 'qcow2'],
    ['capture', makeNoiseDisk(bench, 'other.img', 4 * MIB), '--name', 'other'],
  ]) {
    const { error } = JSON.parse(
      limited(...args)
        .trim()
        .split('\n')
        .at(-1)!,
    );
    expect([args[0], error.code, error.data.maxBytes]).toEqual([args[0], 'FILE_TOO_LARGE', maxBytes]);
    expect(error.data).not.toHaveProperty('freeBytes');
    expect(readdirSync(bench.path('folder'))).toEqual([]);
  }
  engine = await openEngine(catalog);
  resultOf(await engine.verify());
  expect(await engine.client.call('template.list', {})).toHaveLength(1);
  await engine.close();
});
