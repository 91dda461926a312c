/** What a capture refuses, and what it leaves when it is stopped. */
import { readdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Phase } from '../../src-engine/contract/job.contract.ts';
import type { CapturePlan } from '../../src-engine/contract/plan.contract.ts';
import { makeExt4, makeNoiseDisk, makeSlowDisk } from '../support/disks.ts';
import { openEngine, refusal, resultOf, type TestEngine } from '../support/engine.ts';
import { sha256 } from '../support/judges.ts';
import { canLoop, MIB, run, workbench } from '../support/workbench.ts';

const bench = workbench();
let engine: TestEngine;

const plan = (source: string, name = 'new') => engine.client.call('capture.plan', { source, name });
const start = (planId: string) => engine.client.call('capture.start', { planId });
const blocks = (of: Pick<CapturePlan, 'checks'>) =>
  of.checks.filter((check) => check.level === 'block').map((check) => check.code);

/** What a capture that comes to nothing must not change. */
async function catalogState() {
  return {
    templates: await engine.client.call('template.list', {}),
    manifests: readdirSync(bench.path('catalog/manifests')),
    scratch: readdirSync(bench.path('catalog/scratch')),
    packs: run('find', bench.path('catalog/packs'), '-type', 'f', '-printf', '%p %s\n').split('\n').sort(),
  };
}

test('a file that is no disk is asked about, and taken where somebody says so', async () => {
  const other = await openEngine(bench.path('other'));
  try {
    const source = bench.path('script.sh');
    writeFileSync(source, '#!/bin/sh\necho hello\n');
    const asked = await other.client.call('capture.plan', { source, name: 'script' });
    expect(blocks(asked)).toEqual(['IMAGE_NOT_RECOGNISED']);
    for (const said of [{ format: 'raw' as const }, { overrides: ['IMAGE_NOT_RECOGNISED' as const] }]) {
      expect(await other.client.call('capture.plan', { source, name: 'script', ...said })).toMatchObject({
        canRun: true,
      });
    }
  } finally {
    await other.close();
  }
});

describe.skipIf(!canLoop)('capture', () => {
  beforeAll(async () => {
    engine = await openEngine(bench.path('catalog'));
    resultOf(await engine.capture(makeExt4(bench, 'kept.img', 16 * MIB), 'kept'));
    makeSlowDisk(bench, 'slow.img');
  });
  afterAll(() => engine.close());

  test('a device that is mounted read-write, by itself and by its file', async () => {
    const image = makeExt4(bench, 'mounted.img', 16 * MIB);
    const device = bench.attach(image);
    const point = bench.mount(device, 'rw');
    for (const source of [device, image]) {
      const planned = await plan(source);
      expect(blocks(planned)).toEqual(['SOURCE_MOUNTED_READ_WRITE']);
      expect(await refusal(start(planned.planId))).toMatchObject({
        code: 'PLAN_BLOCKED',
        data: { check: 'SOURCE_MOUNTED_READ_WRITE' },
      });
    }
    bench.unmount(point);
    bench.detach(device);
  });

  test.each([
    ['gzip', 'gzip -c DISK'],
    ['xz', 'xz -0 -c DISK'],
    ['bzip2', 'bzip2 -c DISK'],
    ['zstd', 'zstd -q -c DISK'],
    ['lz4', 'lz4 -q -c DISK'],
    ['tar', 'tar -c DISK'],
    ['zip', 'python3 -m zipfile -c /dev/stdout DISK'],
    ['partclone', 'partclone.ext4 -q -c -L /dev/null -s DISK -o -'],
  ])(
    'a file that is packed (%s): imported, or captured where a person says that it is raw',
    async (format, command) => {
      run('mkfs.ext4', '-q', '-F', bench.file('disk.img', 4 * MIB));
      const packed = bench.path(`packed.${format}`);
      run('sh', '-c', `cd ${bench.folder} && ${command.replace('DISK', 'disk.img')} > ${packed}`);
      expect(await refusal(plan(packed))).toMatchObject({ code: 'FORMAT_PACKED', data: { format } });
      for (const reader of [
        engine.client.call('source.inspect', { source: packed }),
        engine.client.call('report.check', { subject: packed }),
      ]) {
        expect(await refusal(reader)).toMatchObject({ code: 'FORMAT_PACKED' });
      }
      const { jobId } = await engine.client.call('boot.start', { subject: packed });
      expect(await engine.ended(jobId)).toMatchObject({ outcome: 'failed', error: { code: 'FORMAT_PACKED' } });
      const target = { template: 'kept', target: packed };
      const planned = await engine.client.call('deploy.plan', target);
      expect(planned.target.lengthBytes).toBe(16 * MIB);
      expect(blocks(planned)).toEqual(['TARGET_HOLDS_OTHER']);
      const taken = await engine.client.call('deploy.plan', { ...target, overrides: ['TARGET_HOLDS_OTHER'] });
      expect(taken.canRun).toBe(true);
      const said = await engine.client.call('capture.plan', { source: packed, name: 'new', format: 'raw' });
      expect(blocks(said)).toEqual([]);
    },
  );

  test('a link that leads to another file of that length by the time it is captured', async () => {
    const [one, two] = [makeNoiseDisk(bench, 'one.img', 2 * MIB), makeNoiseDisk(bench, 'two.img', 2 * MIB)];
    const link = bench.path('link.img');
    symlinkSync(one, link);
    const { planId } = await plan(link);
    rmSync(link);
    symlinkSync(two, link);
    const before = await catalogState();
    const job = await engine.ended((await start(planId)).jobId);
    expect(job).toMatchObject({ outcome: 'failed', error: { code: 'DEVICE_CHANGED', data: { path: one } } });
    expect(await catalogState()).toEqual(before);
  });

  test('a device that is mounted read-only is captured, and not a bit of it changes', async () => {
    const image = makeExt4(bench, 'mounted-ro.img', 16 * MIB);
    const device = bench.attach(image);
    const point = bench.mount(device, 'ro');
    const before = await sha256(image);
    resultOf(await engine.capture(device, 'mounted ro'));
    expect(await sha256(image)).toBe(before);
    bench.unmount(point);
    bench.detach(device);
  });

  test('a device that is mounted after it was planned', async () => {
    const device = bench.attach(makeExt4(bench, 'mounted-later.img', 16 * MIB));
    const { planId } = await plan(device);
    const point = bench.mount(device, 'rw');
    const job = await engine.ended((await start(planId)).jobId);
    expect(job).toMatchObject({
      outcome: 'failed',
      error: { code: 'PLAN_BLOCKED', data: { check: 'SOURCE_MOUNTED_READ_WRITE' } },
    });
    bench.unmount(point);
    bench.detach(device);
  });

  test('a source that has another length than it was planned with', async () => {
    const image = makeNoiseDisk(bench, 'shrunk.img', 2 * MIB);
    const { planId } = await plan(image);
    truncateSync(image, MIB);
    const job = await engine.ended((await start(planId)).jobId);
    expect(job).toMatchObject({ outcome: 'failed', error: { code: 'DEVICE_CHANGED', data: { lengthBytes: MIB } } });
  });

  test('what is not there, or is no disk', async () => {
    expect(await refusal(plan(bench.path('missing.img')))).toMatchObject({ code: 'SOURCE_NOT_FOUND' });
    expect(await refusal(plan(bench.folder))).toMatchObject({ code: 'BAD_REQUEST' });
    expect(await refusal(plan('/dev/null'))).toMatchObject({ code: 'BAD_REQUEST' });
    run('mkfifo', bench.path('pipe'));
    expect(await refusal(plan(bench.path('pipe')))).toMatchObject({ code: 'BAD_REQUEST' });
  });

  test.each(['', ' ', 'with/slash', 'with@sign', 'x'.repeat(129), 'new\nline'])('a name %j', async (name) => {
    expect(await refusal(plan(bench.path('kept.img'), name))).toMatchObject({ code: 'BAD_REQUEST' });
  });

  test('a plan is used once', async () => {
    const { planId } = await plan(bench.path('kept.img'), 'kept');
    resultOf(await engine.ended((await start(planId)).jobId));
    expect(await refusal(start(planId))).toMatchObject({ code: 'PLAN_UNKNOWN' });
  });

  test('a file that is written to while it is read', async () => {
    const before = await catalogState();
    const { planId } = await plan(bench.path('slow.img'));
    const { jobId } = await start(planId);
    await engine.reached(jobId, 'capturing');
    writeFileSync(bench.path('slow.img'), 'x', { flag: 'r+' });
    expect(await engine.ended(jobId)).toMatchObject({ outcome: 'failed', error: { code: 'SOURCE_CHANGED' } });
    expect(await catalogState()).toEqual(before);
  });

  test.each<Phase>(['inspecting', 'capturing', 'verifying'])(
    'cancelled while %s: as if it had never begun',
    async (phase) => {
      const before = await catalogState();
      const source = makeSlowDisk(bench, `cancelled-${phase}.img`, 120 * MIB);
      const { planId } = await plan(source);
      const { jobId } = await start(planId);
      await engine.reached(jobId, phase);
      await engine.client.call('job.cancel', { jobId });
      expect(await engine.ended(jobId)).toMatchObject({ outcome: 'aborted', error: { code: 'ABORTED' } });
      expect(await catalogState()).toEqual(before);
      resultOf(await engine.verify());
    },
  );

  test('cancelled while it waits for another job', async () => {
    const first = await start((await plan(bench.path('slow.img'), 'first')).planId);
    // versions of one template are captured one after another
    const second = await start((await plan(bench.path('slow.img'), 'first')).planId);
    const waiting = await engine.client.call('job.show', { jobId: second.jobId });
    expect(waiting.waitsFor).toMatchObject({ claim: 'template', what: 'first', jobs: [{ id: first.jobId }] });
    await engine.client.call('job.cancel', { jobId: second.jobId });
    resultOf(await engine.ended(first.jobId));
    expect(await engine.ended(second.jobId)).toMatchObject({ outcome: 'aborted', startedAt: null });
    const { versions } = await engine.client.call('template.show', { template: 'first' });
    expect(versions.map(({ number }) => number)).toEqual([1]);
  });
});
