/** Disks that become full: the job ends with the reason, nothing half made stays, what was there before is sound. */
import { existsSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
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
