/** A capture of several disks: one template, one version, a part of the job for each; all of them or none. */
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { JobView } from '../../src-engine/contract/job.contract.ts';
import { makeExt4, makeNoiseDisk, noise } from '../support/disks.ts';
import { openEngine, refusal, resultOf, type TestEngine } from '../support/engine.ts';
import { canLoop, MIB, run, workbench } from '../support/workbench.ts';
import { lvmOn } from './volumes/lvm.ts';

const bench = workbench();
const catalog = bench.path('catalog');
const data = bench.file('data.img', 16 * MIB);
const boot = bench.file('boot.img', 24 * MIB);
let engine: TestEngine;

beforeAll(async () => {
  run('mkfs.ext4', '-q', '-F', '-d', '/usr/share/common-licenses', data);
  run('sgdisk', '-n', '1:1M:+8M', '-t', '1:ef00', '-n', '2:9M:+14M', boot);
  run('mkfs.vfat', '--offset', '2048', boot, '8192');
  run('mkfs.ext4', '-q', '-F', '-E', `offset=${9 * MIB}`, boot, '14M');
  engine = await openEngine(catalog);
});
afterAll(() => engine.close());

const newest = async (template: string) => (await engine.client.call('template.show', { template })).versions[0];
const manifests = () => readdirSync(join(catalog, 'manifests')).filter((name) => name.endsWith('.dpm'));

async function deployed(template: string, disk: number): Promise<string> {
  const target = bench.path(`${template}-${disk}.out`);
  rmSync(target, { force: true });
  const { planId } = await engine.client.call('deploy.plan', { template, disk, target });
  resultOf(await engine.ended((await engine.client.call('deploy.start', { planId })).jobId));
  return target;
}

describe('of two disks', () => {
  let job: JobView;

  test('is planned with an account and with checks of each', async () => {
    const plan = await engine.client.call('capture.plan', { source: data, others: [boot], name: 'pair' });
    expect(plan).toMatchObject({ canRun: true, versionNumber: 1, source: { path: data } });
    // the one with an EFI system partition is what the machine boots from, wherever it stands
    expect(plan.disks).toMatchObject([
      { role: 'data', source: { path: data, lengthBytes: 16 * MIB }, disk: { table: 'none' } },
      { role: 'boot', source: { path: boot, lengthBytes: 24 * MIB }, disk: { table: 'gpt' } },
    ]);
    for (const { disk } of plan.disks) expect(disk.account).toMatchObject({ lengthBytes: disk.lengthBytes });
    expect(plan.readBytes).toBe(plan.disks.reduce((sum, { readBytes }) => sum + readBytes, 0));
    const readable = plan.checks.filter(({ code }) => code === 'SOURCE_READABLE').map((check) => check.data);
    expect(readable).toEqual([
      { path: data, disk: 1 },
      { path: boot, disk: 2 },
    ]);
  });

  test('is one version with both, in their order, each equal when it is deployed', async () => {
    job = await engine.capture(data, 'pair', { others: [boot] });
    const result = resultOf(job);
    const version = await newest('pair');
    expect(version).toMatchObject({
      number: 1,
      disks: [
        { role: 'data', source: { path: data }, health: 'verified' },
        { role: 'boot', source: { path: boot }, health: 'verified' },
      ],
    });
    expect(result).toMatchObject({ storedBytes: version.newBytes });
    expect(result.processedBytes).toBeGreaterThanOrEqual(version.usedBytes);
    run('cmp', data, await deployed('pair', 1));
    run('qemu-img', 'compare', '-f', 'raw', '-F', 'raw', boot, await deployed('pair', 2));
    run('sgdisk', '-v', await deployed('pair', 2));
  });

  test('is a job with a part for each, which went through its own phases', () => {
    expect(job.parts).toMatchObject([
      { path: data, outcome: 'done', error: null },
      { path: boot, outcome: 'done', error: null },
    ]);
    for (const { phases, result } of job.parts) {
      expect(phases.map(({ phase }) => phase)).toEqual(['inspecting', 'capturing', 'publishing', 'verifying']);
      expect(result!.processedBytes).toBeGreaterThan(0);
    }
    const capturing = engine.events.filter(({ id, progress }) => id === job.id && progress?.phase === 'capturing');
    const total = job.parts.reduce((sum, { result }) => sum + result!.processedBytes, 0);
    expect(capturing.at(-1)!.progress!.totalBytes).toBeLessThanOrEqual(total);
  });

  test('wants as many disks the next time, or somebody who says that it is meant', async () => {
    const one = await engine.client.call('capture.plan', { source: data, name: 'pair' });
    expect(one.canRun).toBe(false);
    expect(one.checks).toContainEqual({
      code: 'DISK_COUNT_DIFFERS',
      level: 'block',
      canOverride: true,
      data: { name: 'pair', expected: 2, count: 1 },
    });
    expect(await refusal(engine.client.call('capture.start', { planId: one.planId }))).toMatchObject({
      code: 'PLAN_BLOCKED',
      data: { check: 'DISK_COUNT_DIFFERS' },
    });
    resultOf(await engine.capture(data, 'pair', { overrides: ['DISK_COUNT_DIFFERS'] }));
    expect((await newest('pair')).disks).toHaveLength(1);
    resultOf(await engine.capture(data, 'pair', { others: [boot], overrides: ['DISK_COUNT_DIFFERS'] }));
    const again = await engine.client.call('capture.plan', { source: data, others: [boot], name: 'pair' });
    expect(again).toMatchObject({ canRun: true, versionNumber: 4 });
    expect(again.checks.map(({ code }) => code)).not.toContain('DISKS_EXCHANGED');
    const swapped = await engine.client.call('capture.plan', { source: boot, others: [data], name: 'pair' });
    const told = (number: number, other: number) => ({
      code: 'DISKS_EXCHANGED',
      level: 'warn',
      data: { name: 'pair', number, other },
    });
    expect(swapped.checks.filter(({ code }) => code === 'DISKS_EXCHANGED')).toEqual([told(1, 2), told(2, 1)]);
  });

  test('is refused where a disk is named twice, by whatever path, or one of them is none', async () => {
    const link = bench.path('link.img');
    symlinkSync(boot, link);
    const plan = (...others: string[]) =>
      refusal(engine.client.call('capture.plan', { source: boot, others, name: 'twice' }));
    expect(await plan(data, link)).toMatchObject({ code: 'BAD_REQUEST', data: { path: boot, disk: 3 } });
    expect(await plan(bench.path('nothing.img'))).toMatchObject({ code: 'SOURCE_NOT_FOUND', data: { disk: 2 } });
    expect(await plan(bench.file('empty.img', 0))).toMatchObject({ code: 'FORMAT_INVALID', data: { disk: 2 } });
  });
});

describe('of which one fails', () => {
  test('leaves no version, and says which failed; what was read of the others is taken back', async () => {
    const changing = bench.path('changing.img');
    copyFileSync(boot, changing);
    const large = makeNoiseDisk(bench, 'large.img', 40 * MIB);
    const before = manifests();
    const { planId } = await engine.client.call('capture.plan', { source: large, others: [changing], name: 'broken' });
    const { jobId } = await engine.client.call('capture.start', { planId });
    await engine.reached(jobId, 'capturing');
    appendFileSync(changing, Buffer.alloc(MIB));
    const job = await engine.ended(jobId);
    expect(job).toMatchObject({ outcome: 'failed', result: null, error: { code: 'SOURCE_CHANGED' } });
    expect(job.error!.data).toMatchObject({ path: changing, disk: 2 });
    expect(job.parts).toMatchObject([
      { path: large, outcome: 'aborted' },
      { path: changing, outcome: 'failed', error: { code: 'SOURCE_CHANGED' } },
    ]);
    expect(await refusal(engine.client.call('template.show', { template: 'broken' }))).toMatchObject({
      code: 'TEMPLATE_NOT_FOUND',
    });
    expect(manifests()).toEqual(before);
    resultOf(await engine.verify());
  });

  test('or that is cancelled leaves no version', async () => {
    const large = makeNoiseDisk(bench, 'long.img', 200 * MIB);
    const before = manifests();
    const { planId } = await engine.client.call('capture.plan', { source: data, others: [large], name: 'cancelled' });
    const { jobId } = await engine.client.call('capture.start', { planId });
    await engine.reached(jobId, 'capturing');
    await engine.client.call('job.cancel', { jobId });
    const job = await engine.ended(jobId);
    expect(job).toMatchObject({ outcome: 'aborted', error: { code: 'ABORTED' } });
    expect(job.parts.map(({ outcome }) => outcome)).toEqual(['aborted', 'aborted']);
    expect(manifests()).toEqual(before);
    expect(await refusal(engine.client.call('template.show', { template: 'cancelled' }))).toMatchObject({
      code: 'TEMPLATE_NOT_FOUND',
    });
  });
});

test('a file system over two devices is whole where both are captured, and asked about where one is', async () => {
  const images = ['b1.img', 'b2.img'].map((name) => bench.file(name, 128 * MIB));
  run('mkfs.btrfs', '-q', '-d', 'raid0', '-m', 'raid1', ...images);
  const plan = (source: string, ...others: string[]) =>
    engine.client.call('capture.plan', { source, others, name: 'btrfs' });
  const blocks = ({ checks }: Awaited<ReturnType<typeof plan>>) =>
    checks.filter(({ level }) => level === 'block').map(({ code }) => code);
  expect(blocks(await plan(images[0]))).toEqual(['VOLUME_REFUSED']);
  expect(blocks(await plan(images[0], data))).toEqual(['VOLUME_REFUSED']);
  expect(await plan(images[0], images[1])).toMatchObject({ canRun: true });
  resultOf(await engine.capture(images[0], 'btrfs', { others: [images[1]] }));
  const out = [await deployed('btrfs', 1), await deployed('btrfs', 2)];
  for (const [i, image] of images.entries()) run('cmp', image, out[i]);
});

describe.skipIf(!canLoop)('a volume group over two disks', () => {
  test('comes out so that LVM2 finds it whole, and what lies across both mounts', async () => {
    // one file is both disks for the tools that lay the volumes out; they are cut apart for the capture
    const both = bench.file('both.img', 96 * MIB);
    const parts = [0, 48].map((start) => ({ startBytes: start * MIB, lengthBytes: 48 * MIB }));
    const lvm = lvmOn(bench, both, parts);
    lvm('vgcreate', '-y', '-s', '1M', 'wide', ...lvm.devices);
    lvm.create('-Wn', '-L', '70M', '-n', 'root', 'wide');
    lvm.fill('wide/root', makeExt4(bench, 'root.img', 70 * MIB));
    const disks = parts.map(({ startBytes }, i) => {
      const image = bench.path(`pv${i}.img`);
      run(
        'dd',
        `if=${both}`,
        `of=${image}`,
        'bs=1M',
        `skip=${startBytes / MIB}`,
        'count=48',
        'conv=sparse',
        'status=none',
      );
      return image;
    });
    resultOf(await engine.capture(disks[0], 'wide', { others: [disks[1]] }));
    expect((await newest('wide')).disks).toMatchObject([
      { layout: { groups: [{ name: 'wide', missingMembers: 1 }] } },
      { layout: { groups: [{ name: 'wide', missingMembers: 1 }] } },
    ]);
    const joined = bench.path('joined.img');
    writeFileSync(joined, '');
    for (const disk of [1, 2]) appendFileSync(joined, readFileSync(await deployed('wide', disk)));
    const root = lvm.cut('wide/root', joined, parts, bench.path('root.out'));
    run('e2fsck', '-fn', root);
    const point = bench.mount(root, 'loop,ro');
    expect(existsSync(join(point, 'living'))).toBe(true);
    expect(readFileSync(join(point, 'scattered1')).equals(noise('scattered 1', 9000))).toBe(true);
    bench.unmount(point);
  });
});
