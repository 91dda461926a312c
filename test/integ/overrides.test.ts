/** Blocks that a person may take upon themselves, and those that nobody may. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CheckCode } from '../../src-engine/contract/index.ts';
import { openEngine, refusal, resultOf, type TestEngine } from '../support/engine.ts';
import { makeNtfs, withNtfs3g } from '../support/ntfs.ts';
import { canLoop, MIB, run, workbench } from '../support/workbench.ts';

const bench = workbench();
let engine: TestEngine;
beforeAll(async () => void (engine = await openEngine(bench.path('catalog'))));
afterAll(() => engine.close());

const plan = (source: string, overrides: CheckCode[] = []) =>
  engine.client.call('capture.plan', { source, name: 'overridden', overrides });
const start = (planId: string) => engine.client.call('capture.start', { planId });

/** What the audit log says of the last capture. */
async function lastCapture() {
  const log = await engine.client.call('log.list', {});
  return log.find(({ action }) => action === 'template.captured')!.data;
}

describe.skipIf(!canLoop)('Windows that sleeps', () => {
  const sleep = (image: string) =>
    withNtfs3g(image, '', (root) => writeFileSync(join(root, 'hiberfil.sys'), Buffer.alloc(8192, 'hibr')));
  const wake = (image: string) => withNtfs3g(image, 'remove_hiberfile', () => {});

  test('is not captured, unless somebody says so; then it is warned about and written down', async () => {
    const image = makeNtfs(bench.path('windows.img'), 16 * MIB);
    await sleep(image);
    const check = { code: 'WINDOWS_HIBERNATED', level: 'block', canOverride: true, data: { volume: 1 } };
    for (const overrides of [[], ['VOLUME_REFUSED' as const]]) {
      const refused = await plan(image, overrides);
      expect(refused.canRun).toBe(false);
      expect(refused.checks).toContainEqual(check);
      expect(await refusal(start(refused.planId))).toMatchObject({
        code: 'PLAN_BLOCKED',
        data: { check: 'WINDOWS_HIBERNATED', volume: 1 },
      });
    }
    const taken = await plan(image, ['WINDOWS_HIBERNATED']);
    expect(taken.canRun).toBe(true);
    expect(taken.checks).toContainEqual({ ...check, level: 'warn' });
    const job = await engine.ended((await start(taken.planId)).jobId);
    resultOf(job);
    expect(job.warnings.map(({ code }) => code)).toContain('WINDOWS_HIBERNATED');
    expect((await lastCapture()).overridden).toEqual(['WINDOWS_HIBERNATED']);
  });

  test('that fell asleep after the plan was made is found when the job runs', async () => {
    const image = bench.path('windows.img');
    await wake(image);
    const fine = await plan(image);
    expect(fine.canRun).toBe(true);
    await sleep(image);
    const job = await engine.ended((await start(fine.planId)).jobId);
    expect(job.error).toMatchObject({ code: 'PLAN_BLOCKED', data: { check: 'WINDOWS_HIBERNATED' } });
    await wake(image);
    const { planId } = await plan(image, ['WINDOWS_HIBERNATED']);
    resultOf(await engine.ended((await start(planId)).jobId));
    // nothing was overridden that was not there
    expect((await lastCapture()).overridden).toEqual([]);
  });
});

describe.skipIf(!canLoop)('volumes that are not whole', () => {
  test('one device of a btrfs of two: refused, captured whole where somebody says so', async () => {
    const images = ['one.img', 'two.img'].map((name) => bench.file(name, 130 * MIB));
    const devices = images.map((image) => bench.attach(image));
    run('mkfs.btrfs', '-q', '-m', 'raid1', '-d', 'single', ...devices);
    devices.forEach((device) => bench.detach(device));
    const refused = await plan(images[0]);
    expect(refused.checks).toContainEqual(
      expect.objectContaining({ code: 'VOLUME_REFUSED', level: 'block', canOverride: true }),
    );
    const taken = await plan(images[0], ['VOLUME_REFUSED']);
    expect(taken).toMatchObject({ canRun: true, disk: { volumes: [{ captureAs: 'whole' }] } });
    rmSync(images[1]);
    resultOf(await engine.ended((await start(taken.planId)).jobId));
    expect((await lastCapture()).overridden).toEqual(['VOLUME_REFUSED']);
    const target = bench.path('target.img');
    resultOf(await engine.deploy('overridden', target));
    run('cmp', images[0], target);
  });

  test('an ext4 whose journal lies elsewhere: refused, whatever anybody says', async () => {
    const journal = bench.attach(bench.file('journal.img', 8 * MIB));
    const image = bench.file('without-journal.img', 16 * MIB);
    run('mke2fs', '-q', '-b', '4096', '-O', 'journal_dev', journal);
    run('mkfs.ext4', '-q', '-b', '4096', '-J', `device=${journal}`, image);
    const refused = await plan(image, ['VOLUME_REFUSED']);
    expect(refused.canRun).toBe(false);
    expect(refused.checks).toContainEqual(expect.objectContaining({ code: 'VOLUME_REFUSED', level: 'block' }));
  });
});

describe.skipIf(!canLoop)('what is in use', () => {
  test('is refused, whatever anybody says', async () => {
    const image = bench.file('mounted.img', 16 * MIB);
    run('mkfs.ext4', '-q', image);
    const point = bench.mount(image, 'loop');
    const refused = await plan(image, ['SOURCE_MOUNTED_READ_WRITE', 'SOURCE_IN_USE']);
    expect(refused.canRun).toBe(false);
    expect(refused.checks).toContainEqual(
      expect.objectContaining({ code: 'SOURCE_MOUNTED_READ_WRITE', level: 'block' }),
    );
    bench.unmount(point);
  });
});
