/** The right disk: several targets at once, disks without a serial number, and other names for what must not be written to. */
import { spawn } from 'node:child_process';
import { existsSync, lchownSync, linkSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { JobView } from '../../src-engine/contract/job.contract.ts';
import type { DeployPlan } from '../../src-engine/contract/plan.contract.ts';
import { linuxMachine } from '../../src-engine/machines/linux/linux-machine.ts';
import { commandLine, lastLine } from '../support/command-line.ts';
import { makeExt4 } from '../support/disks.ts';
import { openEngine, refusal, resultOf, type TestEngine } from '../support/engine.ts';
import { sha256 } from '../support/judges.ts';
import { canLoop, MIB, run, workbench } from '../support/workbench.ts';
import { FakeKernel } from '../unit/machines/fake-kernel.ts';

const bench = workbench();
const catalog = bench.path('catalog');
const diskpress = commandLine(catalog);
let engine: TestEngine;

const plan = (target: string) => engine.client.call('deploy.plan', { template: 'small', target });
const start = (planId: string, confirm?: string) => engine.client.call('deploy.start', { planId, confirm });
const blocks = (of: DeployPlan) => of.checks.filter((check) => check.level === 'block').map((check) => check.code);

describe.skipIf(!canLoop)('targets', () => {
  beforeAll(async () => {
    engine = await openEngine(catalog);
    resultOf(await engine.capture(makeExt4(bench, 'small.img', 16 * MIB), 'small'));
  });
  afterAll(() => engine.close());

  test('another file behind the same device, as long as the first: refused, and untouched', async () => {
    const device = bench.attachApart(bench.file('first.img', 20 * MIB));
    const planned = await plan(device);
    expect(planned.target.identity?.generation).toBe(
      readFileSync(`/sys/block/${device.slice(5)}/diskseq`, 'utf8').trim(),
    );
    run('losetup', '-d', device);
    const other = bench.file('other.img', 20 * MIB, 0xff);
    run('losetup', device, other);
    const before = await sha256(other);
    const job = await engine.ended((await start(planned.planId, device)).jobId);
    expect(job.error).toMatchObject({
      code: 'DEVICE_CHANGED',
      data: { changed: expect.arrayContaining(['generation']) },
    });
    expect(await sha256(other)).toBe(before);
    bench.detach(device);
  });

  test('a device that was written to after its plan was shown', async () => {
    const device = bench.attach(bench.file('written.img', 20 * MIB));
    const planned = await plan(device);
    run('mkfs.ext4', '-q', device);
    const job = await engine.ended((await start(planned.planId, device)).jobId);
    expect(job.error).toMatchObject({ code: 'DEVICE_CHANGED', data: { changed: ['content'] } });
    bench.detach(device);
    run('e2fsck', '-fn', bench.path('written.img'));
  });

  test('a link that leads to another device by the time of the start', async () => {
    const [shown, other] = ['shown.img', 'swapped.img'].map((name) => bench.attach(bench.file(name, 20 * MIB)));
    const link = bench.path('disk');
    symlinkSync(shown, link);
    const planned = await plan(link);
    run('ln', '-sfn', other, link);
    const job = await engine.ended((await start(planned.planId, link)).jobId);
    expect(job.error).toMatchObject({ code: 'DEVICE_CHANGED', data: { changed: ['path'] } });
    bench.detach(shown);
    bench.detach(other);
  });

  test('a device that another process writes to', async () => {
    const device = bench.attach(bench.file('busy.img', 20 * MIB));
    const child = spawn('sh', ['-c', `exec 3<>${device}; echo open; cat`]);
    await new Promise((resolve) => child.stdout.once('data', resolve));
    expect(blocks(await plan(device))).toEqual(['TARGET_IN_USE']);
    child.kill();
    await new Promise((resolve) => child.once('close', resolve));
    expect(blocks(await plan(device))).toEqual([]);
    bench.detach(device);
  });

  test('the same file behind another device, mounted or not', async () => {
    const image = makeExt4(bench, 'shared.img', 20 * MIB);
    const [device, other] = [bench.attach(image), bench.attach(image)];
    expect(blocks(await plan(device))).toEqual(['TARGET_IN_USE']);
    const point = bench.mount(other);
    expect(blocks(await plan(device))).toEqual(['TARGET_MOUNTED', 'TARGET_IN_USE']);
    bench.unmount(point);
    bench.detach(other);
    expect(blocks(await plan(device))).toEqual([]);
    const stacked = bench.attach(device);
    const above = bench.mount(stacked);
    expect(blocks(await plan(device))).toContain('TARGET_MOUNTED');
    bench.unmount(above);
    // and the other way round: what is below is mounted
    const below = bench.mount(device);
    expect(blocks(await plan(stacked))).toContain('TARGET_MOUNTED');
    bench.unmount(below);
    bench.detach(stacked);
    bench.detach(device);
  });

  test('the catalog by other names: another mount, a second name, a link, a loop device', async () => {
    const bound = bench.path('bound');
    mkdirSync(bound);
    run('mount', '--bind', bench.path('catalog', 'packs'), bound);
    bench.atEnd(() => run('umount', bound));
    symlinkSync(catalog, bench.path('linked'));
    const pack = run('find', catalog, '-name', '*.dpk').trim().split('\n')[0];
    linkSync(pack, bench.path('second-name'));
    const device = bench.attach(pack, '-r');
    for (const target of [`${bound}/new.img`, bench.path('linked', 'new.img'), bench.path('second-name'), device]) {
      expect(blocks(await plan(target))).toContain('TARGET_HOLDS_CATALOG');
    }
    bench.detach(device);
    const exported = await engine.client.call('export.plan', {
      template: 'small',
      path: `${bound}/x.img`,
      format: 'raw',
    });
    expect(exported.checks.map(({ code }) => code)).toContain('TARGET_HOLDS_CATALOG');
    for (const destination of [catalog, bound, bench.path('linked')]) {
      const params = { template: 'small', volume: '0', path: '/living', destination };
      const { jobId } = await engine.client.call('files.extract', params);
      expect((await engine.ended(jobId)).error).toMatchObject({
        code: 'PLAN_BLOCKED',
        data: { check: 'TARGET_HOLDS_CATALOG' },
      });
    }
    expect(readdirSync(bound).some((name) => name.startsWith('.') || name.endsWith('.img'))).toBe(false);
  });

  test('a link that somebody else made is not followed; it is told where it leads', async () => {
    const link = bench.path('from-eve');
    symlinkSync(bench.path('secret.img'), link);
    lchownSync(link, 61_234, 61_234);
    expect(await refusal(plan(link))).toMatchObject({
      code: 'LINK_NOT_FOLLOWED',
      data: { path: link, target: bench.path('secret.img'), user: '61234' },
    });
  });

  test('an image that is there keeps its size; a smaller one is refused, unless a size is asked for', async () => {
    const image = bench.file('larger.img', 40 * MIB);
    expect((await plan(image)).target.lengthBytes).toBe(40 * MIB);
    resultOf(await engine.deploy('small', image, { overwrite: true }));
    expect(statSync(image).size).toBe(40 * MIB);
    run('e2fsck', '-fn', image);
    const short = bench.file('smaller.img', 8 * MIB);
    expect(blocks(await plan(short))).toEqual(['TARGET_TOO_SMALL']);
    resultOf(await engine.deploy('small', short, { overwrite: true, lengthBytes: 24 * MIB }));
    expect(statSync(short).size).toBe(24 * MIB);
  });

  test('what replaces a file lends nobody the rights that it had', async () => {
    const image = bench.file('rights.img', 16 * MIB);
    run('chmod', '4754', image);
    resultOf(await engine.deploy('small', image, { overwrite: true }));
    expect(statSync(image).mode & 0o7777).toBe(0o754);
  });

  test('several targets: one that is refused stops all of them, the same place twice too', async () => {
    const [a, b] = [bench.path('a.img'), bench.path('b.img')];
    const device = bench.attach(bench.file('d.img', 20 * MIB));
    symlinkSync(device, bench.path('by-other-name'));
    const ended = await diskpress(
      '--json',
      'deploy',
      'small',
      a,
      device,
      bench.path('by-other-name'),
      '--confirm',
      device,
    );
    expect(ended.code).toBe(5);
    expect(lastLine(ended).error).toMatchObject({ code: 'TARGET_TWICE', data: { target: device } });
    const unconfirmed = await diskpress('--json', 'deploy', 'small', a, device);
    expect(lastLine(unconfirmed).error.code).toBe('CONFIRM_REQUIRED');
    expect(existsSync(a)).toBe(false);
    expect(await sha256(bench.path('d.img'))).toBe(await sha256(bench.file('zeros.img', 20 * MIB)));
    const both = await diskpress('--json', 'deploy', 'small', a, b);
    expect(both.code).toBe(0);
    const parts = lastLine(both).value.parts as JobView['parts'];
    expect(parts.map(({ outcome }) => outcome)).toEqual(['done', 'done']);
    run('cmp', a, b);
    // the plans that were shown are those that ran
    const lines = both.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const shown = lines.filter(({ event }) => event === 'deploy-plan').map(({ value }) => value.planId);
    expect(parts.map(({ planId }) => planId)).toEqual(shown);
    bench.detach(device);
  });

  test('several targets: what is refused when they are started together, and what is not', async () => {
    const [full, good] = [bench.path('tiny', 'x.img'), bench.path('good.img')];
    mkdirSync(bench.path('tiny'));
    run('mount', '-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', bench.path('tiny'));
    bench.atEnd(() => run('umount', bench.path('tiny')));
    const plans = [await engine.client.call('deploy.plan', { template: 'small', target: full }), await plan(good)];
    expect(blocks(plans[0])).toEqual(['TARGET_FOLDER_SPACE_LOW']);
    const starts = plans.map(({ planId }) => ({ planId }));
    expect(await refusal(engine.client.call('deploy.startAll', { starts }))).toMatchObject({ code: 'PLAN_BLOCKED' });
    expect(existsSync(good)).toBe(false);
    run('mount', '-o', 'remount,size=64m', bench.path('tiny'));
    const again = [await plan(full), await plan(good)];
    const { jobId } = await engine.client.call('deploy.startAll', { starts: again.map(({ planId }) => ({ planId })) });
    const job = await engine.ended(jobId);
    resultOf(job);
    expect(job.parts.map(({ path, outcome }) => [path, outcome])).toEqual([
      [full, 'done'],
      [good, 'done'],
    ]);
  });

  test('a partition: refused, with the name of its disk', async () => {
    const kernel = new FakeKernel();
    bench.atEnd(() => kernel.remove());
    kernel.disk('sdq', { number: '8:250' });
    kernel.partition('sdq', 'sdq1', '8:251');
    run('mknod', bench.path('partition'), 'b', '8', '251');
    await expect(linuxMachine(kernel.roots).placeOf(bench.path('partition'))).rejects.toMatchObject({
      code: 'NOT_A_WHOLE_DISK',
      data: { path: bench.path('partition'), disks: [kernel.dev('sdq')] },
    });
  });

  test('a pipe as a source, and beside an image: refused, not waited for', async () => {
    run('mkfifo', bench.path('pipe'));
    expect(await refusal(engine.client.call('source.inspect', { source: bench.path('pipe') }))).toMatchObject({
      code: 'BAD_REQUEST',
    });
    const look = { path: bench.path('pipe'), entry: null, password: null };
    expect((await refusal(engine.client.call('import.look', look))).code).not.toBe('INTERNAL');
  });
});
