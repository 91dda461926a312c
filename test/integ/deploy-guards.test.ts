/** What a deploy refuses, before it writes and while it does, and what it leaves when it is stopped. */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DeployPlan } from '../../src-engine/contract/plan.contract.ts';
import { makeExt4, makeNoiseDisk, makeSlowDisk } from '../support/disks.ts';
import { openEngine, refusal, resultOf, type TestEngine } from '../support/engine.ts';
import { recognised, sha256 } from '../support/judges.ts';
import { canLoop, MIB, run, ON_DISK, workbench } from '../support/workbench.ts';

const bench = workbench();
const onDisk = workbench(ON_DISK);
let engine: TestEngine;

const plan = (template: string, target: string, lengthBytes?: number) =>
  engine.client.call('deploy.plan', { template, target, lengthBytes });
const start = (planId: string, more: { confirm?: string; overwrite?: boolean } = {}) =>
  engine.client.call('deploy.start', { planId, ...more });
const blocks = (of: DeployPlan) => of.checks.filter((check) => check.level === 'block').map((check) => check.code);
const partials = () => readdirSync(bench.folder).filter((name) => name.endsWith('.partial'));
/** What would show that somebody wrote to a file. */
const state = async (path: string) => ({ sha256: await sha256(path), mtimeMs: statSync(path).mtimeMs });

describe.skipIf(!canLoop)('deploy', () => {
  beforeAll(async () => {
    engine = await openEngine(bench.path('catalog'));
    resultOf(await engine.capture(makeExt4(bench, 'small.img', 16 * MIB), 'small'));
    resultOf(await engine.capture(makeSlowDisk(bench, 'slow.img'), 'slow'));
  });
  afterAll(() => engine.close());

  test('a smaller device: refused with both sizes, and nothing is written', async () => {
    const image = bench.file('short.img', 15 * MIB, 0xff);
    const device = bench.attach(image);
    const before = await state(image);
    const planned = await plan('small', device);
    expect(planned.canRun).toBe(false);
    expect(blocks(planned)).toEqual(['TARGET_TOO_SMALL']);
    expect(await refusal(start(planned.planId, { confirm: device }))).toMatchObject({
      code: 'TARGET_TOO_SMALL',
      data: { requiredBytes: 16 * MIB, targetBytes: 15 * MIB },
    });
    expect(await state(image)).toEqual(before);
    bench.detach(device);
  });

  test('a shorter file: refused with both sizes, and the one that is there stays', async () => {
    const image = bench.file('short-file.img', MIB, 0xff);
    const before = await state(image);
    const planned = await plan('slow', image, 159 * MIB);
    expect(await refusal(start(planned.planId, { overwrite: true }))).toMatchObject({
      code: 'TARGET_TOO_SMALL',
      data: { requiredBytes: 160 * MIB, targetBytes: 159 * MIB },
    });
    expect(await state(image)).toEqual(before);
  });

  test('an image of another format is not made a raw one unless somebody says so, and a name that promises one is told', async () => {
    const image = bench.path('machine.qcow2');
    run('qemu-img', 'create', '-q', '-f', 'qcow2', image, '64M');
    const before = await state(image);
    const planned = await plan('small', image);
    expect(planned.target.lengthBytes).toBe(64 * MIB);
    expect(blocks(planned)).toEqual(['TARGET_IS_IMAGE']);
    expect(await refusal(start(planned.planId, { overwrite: true }))).toMatchObject({
      code: 'PLAN_BLOCKED',
      data: { check: 'TARGET_IS_IMAGE', format: 'qcow2' },
    });
    expect(await state(image)).toEqual(before);
    const params = { template: 'small', target: image, overrides: ['TARGET_IS_IMAGE'] };
    const taken = await engine.client.call('deploy.plan', params);
    resultOf(await engine.ended((await start(taken.planId, { overwrite: true })).jobId));
    run('e2fsck', '-fn', image);

    const { checks } = await plan('small', bench.path('new.vmdk'));
    expect(checks).toContainEqual(expect.objectContaining({ code: 'TARGET_NAMED_AS_IMAGE', level: 'warn' }));
  });

  test.each(['rw', 'ro'])('a device that is mounted %s', async (options) => {
    const image = makeExt4(bench, `mounted-${options}.img`, 20 * MIB);
    const device = bench.attach(image);
    const point = bench.mount(device, options);
    const planned = await plan('small', device);
    expect(blocks(planned)).toEqual(['TARGET_MOUNTED']);
    expect(planned.checks.find((check) => check.code === 'TARGET_MOUNTED')!.data.details).toContain(point);
    expect(await refusal(start(planned.planId, { confirm: device }))).toMatchObject({
      code: 'PLAN_BLOCKED',
      data: { check: 'TARGET_MOUNTED' },
    });
    bench.unmount(point);
    bench.detach(device);
    run('e2fsck', '-fn', image);
  });

  test('a device that is mounted after it was planned', async () => {
    const image = makeExt4(bench, 'mounted-later.img', 20 * MIB);
    const device = bench.attach(image);
    const planned = await plan('small', device);
    expect(planned.canRun).toBe(true);
    const point = bench.mount(device);
    const job = await engine.ended((await start(planned.planId, { confirm: device })).jobId);
    expect(job).toMatchObject({ outcome: 'failed', error: { code: 'DEVICE_BUSY' } });
    bench.unmount(point);
    bench.detach(device);
    run('e2fsck', '-fn', image);
  });

  test('a device that is another one by now', async () => {
    const device = bench.attachApart(bench.file('first.img', 20 * MIB));
    const planned = await plan('small', device);
    run('losetup', '-d', device);
    const other = bench.file('other.img', 24 * MIB, 0xff);
    run('losetup', device, other);
    const before = await state(other);
    const job = await engine.ended((await start(planned.planId, { confirm: device })).jobId);
    expect(job).toMatchObject({
      outcome: 'failed',
      error: { code: 'DEVICE_CHANGED', data: { lengthBytes: 24 * MIB } },
    });
    expect(await state(other)).toEqual(before);
    bench.detach(device);
  });

  test('a device that went away', async () => {
    const device = bench.attach(bench.file('gone.img', 20 * MIB));
    const planned = await plan('small', device);
    bench.detach(device);
    const job = await engine.ended((await start(planned.planId, { confirm: device })).jobId);
    expect(job.outcome).toBe('failed');
    expect(['DEVICE_CHANGED', 'NOT_FOUND', 'WRITE_FAILED', 'BAD_REQUEST']).toContain(job.error!.code);
  });

  test('a device without its confirmation, with a wrong one, and twice', async () => {
    const image = bench.file('confirmed.img', 20 * MIB);
    const device = bench.attach(image);
    const before = await state(image);
    const planned = await plan('small', device);
    expect(planned.confirmWords).toEqual([device]);
    expect(await refusal(start(planned.planId))).toMatchObject({ code: 'CONFIRM_REQUIRED', data: { path: device } });
    for (const confirm of ['', '/dev/sda', `${device} `]) {
      expect(await refusal(start(planned.planId, { confirm, overwrite: true }))).toMatchObject({
        code: 'CONFIRM_MISMATCH',
      });
    }
    expect(await state(image)).toEqual(before);
    resultOf(await engine.ended((await start(planned.planId, { confirm: device })).jobId));
    expect(await refusal(start(planned.planId, { confirm: device }))).toMatchObject({ code: 'PLAN_UNKNOWN' });
    bench.detach(device);
  });

  test('a link to a device is confirmed by either name', async () => {
    const device = bench.attach(bench.file('linked.img', 20 * MIB));
    symlinkSync(device, bench.path('by-id'));
    const planned = await plan('small', bench.path('by-id'));
    expect(planned.target).toMatchObject({ kind: 'device', path: device });
    expect(planned.confirmWords).toEqual([device, bench.path('by-id')]);
    bench.detach(device);
  });

  test('a device that cannot be written, or counts in other sectors', async () => {
    const readOnly = bench.attach(bench.file('read-only.img', 20 * MIB), '-r');
    expect(blocks(await plan('small', readOnly))).toContain('TARGET_READ_ONLY');
    bench.detach(readOnly);
    const large = bench.attach(bench.file('4k.img', 20 * MIB), '-b', '4096');
    expect(blocks(await plan('small', large))).toEqual(['SECTOR_SIZE_DIFFERS']);
    bench.detach(large);
  });

  test('a file that is there, without leave to overwrite it', async () => {
    const image = bench.file('kept.img', 16 * MIB, 0x61);
    const before = await state(image);
    const planned = await plan('small', image);
    expect(planned.needsOverwrite).toBe(true);
    expect(await refusal(start(planned.planId, { confirm: image }))).toMatchObject({
      code: 'OVERWRITE_REQUIRED',
      data: { path: image },
    });
    expect(await state(image)).toEqual(before);
    resultOf(await engine.ended((await start(planned.planId, { overwrite: true })).jobId));
  });

  test('a file that appeared after the plan was made', async () => {
    const target = bench.path('appeared.img');
    const planned = await plan('small', target);
    writeFileSync(target, 'somebody else');
    const job = await engine.ended((await start(planned.planId)).jobId);
    expect(job).toMatchObject({ outcome: 'failed', error: { code: 'OVERWRITE_REQUIRED' } });
    expect(readFileSync(target, 'utf8')).toBe('somebody else');
    expect(partials()).toEqual([]);
  });

  test('a file that a loop device uses, before and after the plan', async () => {
    const image = makeExt4(bench, 'looped.img', 16 * MIB);
    const early = await plan('small', image);
    const device = bench.attach(image);
    const late = await plan('small', image);
    expect(blocks(late)).toContain('TARGET_IN_USE');
    const job = await engine.ended((await start(early.planId, { overwrite: true })).jobId);
    expect(job).toMatchObject({ outcome: 'failed', error: { code: 'PLAN_BLOCKED', data: { check: 'TARGET_IN_USE' } } });
    bench.detach(device);
    run('e2fsck', '-fn', image);
  });

  test.each(['new.img', 'catalog.db', 'packs/x.img'])('a file inside the catalog: %s', async (name) => {
    expect(blocks(await plan('small', bench.path('catalog', name)))).toContain('TARGET_HOLDS_CATALOG');
  });

  test('a folder, a missing folder, a pipe', async () => {
    expect(await refusal(plan('small', bench.folder))).toMatchObject({ code: 'BAD_REQUEST' });
    expect(blocks(await plan('small', bench.path('missing', 'new.img')))).toContain('TARGET_FOLDER_MISSING');
    run('mkfifo', bench.path('pipe'));
    expect(await refusal(plan('small', bench.path('pipe')))).toMatchObject({ code: 'BAD_REQUEST' });
    expect(await refusal(plan('small', '/dev/null'))).toMatchObject({ code: 'BAD_REQUEST' });
  });

  test('a length that no file can have', async () => {
    const planned = await plan('small', onDisk.path('endless.img'), 2 ** 52);
    const job = await engine.ended((await start(planned.planId)).jobId);
    expect(job).toMatchObject({ outcome: 'failed', error: { code: 'FILE_TOO_LARGE' } });
    expect(readdirSync(onDisk.folder)).toEqual([]);
  });

  /** Starts a deploy and cancels it while it writes. */
  async function cancelled(target: string, more: { confirm?: string; overwrite?: boolean } = {}, template = 'slow') {
    const { planId } = await plan(template, target);
    const { jobId } = await start(planId, more);
    await engine.reached(jobId, 'writing');
    await engine.client.call('job.cancel', { jobId });
    const job = await engine.ended(jobId);
    expect(job).toMatchObject({ outcome: 'aborted', error: { code: 'ABORTED' }, result: null });
  }

  test('cancelled: a new file is not there', async () => {
    await cancelled(bench.path('cancelled.img'));
    expect(existsSync(bench.path('cancelled.img'))).toBe(false);
    expect(partials()).toEqual([]);
  });

  test('cancelled: a file that was there is as it was', async () => {
    const image = bench.file('survivor.img', 170 * MIB);
    const before = await state(image);
    await cancelled(image, { overwrite: true });
    expect(await state(image)).toEqual(before);
    expect(partials()).toEqual([]);
  });

  test('cancelled: a device shows no partition table, neither the new one nor that which it had', async () => {
    const image = bench.file('half.img', 170 * MIB);
    run('sgdisk', '-o', '-n', '1:2048:0', image);
    const device = bench.attach(image);
    expect(recognised(device)).not.toBe('');
    await cancelled(device, { confirm: device });
    expect(recognised(device)).toBe('');
    // what was interrupted can be done again
    resultOf(await engine.deploy('slow', device, { confirm: device }));
    expect(recognised(device)).toContain('gpt');
    bench.detach(device);
  });

  test('cancelled: a device shows no file system either', async () => {
    const image = bench.file('bare.img', 120 * MIB);
    mkdirSync(bench.path('content'));
    makeNoiseDisk(bench, 'content/noise', 100 * MIB);
    run('mkfs.ext4', '-q', '-F', '-d', bench.path('content'), image);
    resultOf(await engine.capture(image, 'bare'));
    const device = bench.attach(makeExt4(bench, 'old.img', 128 * MIB));
    expect(recognised(device)).toContain('ext4');
    await cancelled(device, { confirm: device }, 'bare');
    expect(recognised(device)).toBe('');
    bench.detach(device);
  });
});
