/** Two processes that would write the same file: the second is refused before it writes, whatever name it has for the file. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, linkSync, mkdirSync, readdirSync, statSync, symlinkSync } from 'node:fs';
import { relative } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { makeNoiseDisk } from '../support/disks.ts';
import { openEngine, resultOf, type TestEngine } from '../support/engine.ts';
import { sha256 } from '../support/judges.ts';
import { otherProcess, type OtherProcess } from '../support/other-process.ts';
import { canLoop, MIB, run, workbench } from '../support/workbench.ts';

const LENGTH_BYTES = 96 * MIB;
const bench = workbench();
let engine: TestEngine;
let other: OtherProcess | null = null;
let content: string;

const plan = (target: string) => engine.client.call('deploy.plan', { template: 'disk', target });
const inUse = async (planned: ReturnType<typeof plan>) =>
  (await planned).checks.filter(({ code, level }) => code === 'TARGET_IN_USE' && level === 'block');
const hidden = (folder = bench.folder) => readdirSync(folder).filter((name) => /^\..*\.(lock|partial)$/.test(name));

/** A deploy of another process that stands still in the middle of its writes. */
async function stoppedDeploy(target: string): Promise<OtherProcess> {
  const params = { template: 'disk', target, confirm: target, overwrite: true };
  other = otherProcess(bench.path('other'), ['deploy.plan', params]);
  expect(await other.said('phase writing')).toBe(true);
  other.child.kill('SIGSTOP');
  return other;
}

/** What a plan and a job of this process say, which were made before the other began and afterwards. */
async function expectRefused(early: Awaited<ReturnType<typeof plan>>, target: string, who: string) {
  expect((await inUse(plan(target)))[0]?.data.details).toContain(who);
  const { jobId } = await engine.client.call('deploy.start', {
    planId: early.planId,
    overwrite: true,
    confirm: early.confirmWords[0],
  });
  const { outcome, error } = await engine.ended(jobId);
  expect(outcome).toBe('failed');
  expect(error).toMatchObject({ code: 'PLAN_BLOCKED', data: { check: 'TARGET_IN_USE' } });
  expect(error!.data.details).toContain(who);
}

beforeAll(async () => {
  content = makeNoiseDisk(bench, 'disk.img', LENGTH_BYTES);
  engine = await openEngine(bench.path('catalog'));
  resultOf(await engine.capture(content, 'disk'));
  await engine.close();
  // each process has a catalog of its own: they know nothing of each other's jobs
  cpSync(bench.path('catalog'), bench.path('other'), { recursive: true });
  engine = await openEngine(bench.path('catalog'));
});
afterAll(() => engine.close());
afterEach(async () => {
  other?.child.kill('SIGKILL');
  await other?.gone;
  other = null;
});

describe.skipIf(process.platform !== 'linux')('a file that another process writes', () => {
  test('a new one: refused by each of its names, and had again when the other was killed', async () => {
    const folder = bench.path('new');
    mkdirSync(folder);
    symlinkSync(folder, bench.path('way'));
    const target = `${folder}/target.img`;
    const names = [target, bench.path('way/target.img'), relative(process.cwd(), target)];
    const early = [];
    for (const name of names) early.push(await plan(name));
    const { child, gone } = await stoppedDeploy(target);
    const before = readdirSync(folder);
    for (const [i, name] of names.entries()) {
      await expectRefused(early[i], name, `deploy disk (process ${child.pid})`);
    }
    expect(readdirSync(folder)).toEqual(before);
    expect(await inUse(plan(`${folder}/beside.img`))).toEqual([]);
    child.kill('SIGKILL');
    await gone;
    resultOf(await engine.deploy('disk', target));
    run('cmp', content, target);
    // the folder in which the other made its own is left to the catalog that knows of it
    expect(hidden(folder).filter((name) => name.endsWith('.lock'))).toEqual([]);
  });

  test('one that is written over: by a hard link in another folder, too; and the other ends as if nobody had asked', async () => {
    const target = bench.file('over.img', LENGTH_BYTES, 0x61);
    mkdirSync(bench.path('elsewhere'));
    const link = bench.path('elsewhere/linked.img');
    linkSync(target, link);
    const early = await plan(link);
    const before = { sha256: await sha256(link), inode: statSync(link).ino };
    const stopped = await stoppedDeploy(target);
    await expectRefused(early, link, `(${stopped.child.pid})`);
    expect(hidden(bench.path('elsewhere'))).toEqual([]);
    expect({ sha256: await sha256(link), inode: statSync(link).ino }).toEqual(before);
    stopped.child.kill('SIGCONT');
    expect(await stopped.said('ended done')).toBe(true);
    await stopped.gone;
    run('cmp', content, target);
    expect(hidden()).toEqual([]);
    resultOf(await engine.deploy('disk', link, { overwrite: true }));
  });

  test('an export to it, and an export that is under way', async () => {
    const path = bench.path('exported.qcow2');
    const exportPlan = () => engine.client.call('export.plan', { template: 'disk', format: 'qcow2', path });
    const early = await exportPlan();
    await stoppedDeploy(path);
    expect((await exportPlan()).checks).toContainEqual(expect.objectContaining({ code: 'TARGET_IN_USE' }));
    const { jobId } = await engine.client.call('export.start', { planId: early.planId });
    expect((await engine.ended(jobId)).error).toMatchObject({
      code: 'PLAN_BLOCKED',
      data: { check: 'TARGET_IN_USE', path },
    });
    expect(existsSync(path)).toBe(false);
    other!.child.kill('SIGKILL');
    await other!.gone;
    other = otherProcess(bench.path('other'), ['export.plan', { template: 'disk', format: 'vmdk', path }]);
    expect(await other.said('phase exporting')).toBe(true);
    other.child.kill('SIGSTOP');
    expect((await inUse(plan(path)))[0]?.data.details).toContain(`export disk (process ${other.child.pid})`);
  });

  test.skipIf(!canLoop)('a loop device of it', async () => {
    const target = bench.file('looped.img', LENGTH_BYTES);
    await stoppedDeploy(target);
    const device = bench.attach(target);
    expect((await inUse(plan(device)))[0]?.data.details).toContain(`deploy disk (process ${other!.child.pid})`);
    bench.detach(device);
  });

  test.each([
    ['a virtual machine that runs on it', []],
    ['one that only reads it', ['readonly=on']],
  ])('%s: QEMU tells by locks of the open file', async (_, how) => {
    const target = bench.file('machine.img', LENGTH_BYTES);
    const early = await plan(target);
    const drive = [`file=${target}`, 'format=raw', 'if=none', ...how].join();
    const args = [
      '-display',
      'none',
      '-nodefaults',
      '-S',
      '-accel',
      'tcg',
      '-m',
      '32',
      '-drive',
      drive,
      '-qmp',
      'stdio',
    ];
    const machine = spawn('qemu-system-x86_64', args);
    try {
      await once(machine.stdout, 'data');
      expect(await inUse(plan(target))).toHaveLength(1);
      const { jobId } = await engine.client.call('deploy.start', { planId: early.planId, overwrite: true });
      const { error } = await engine.ended(jobId);
      expect(error).toMatchObject({ code: 'PLAN_BLOCKED', data: { check: 'TARGET_IN_USE' } });
      expect(hidden().filter((name) => name.startsWith('.machine.img'))).toEqual([]);
    } finally {
      machine.kill('SIGKILL');
      await once(machine, 'exit');
    }
    resultOf(await engine.deploy('disk', target, { overwrite: true }));
  });

  test('a lock that somebody left, a link in its place, a pipe, a note that says too much', async () => {
    const target = bench.path('odd.img');
    const lock = bench.path('.odd.img.lock');
    const secret = bench.file('secret', 10, 0x61);
    symlinkSync(secret, lock);
    resultOf(await engine.deploy('disk', target));
    expect(statSync(secret).size).toBe(10);
    run('rm', lock);
    run('mkfifo', lock);
    resultOf(await engine.deploy('disk', target, { overwrite: true }));
    run('rm', lock);
    const note = `\u001b[31mred\n${'x'.repeat(1000)}`;
    const held = spawn('flock', ['-x', lock, 'sh', '-c', 'printf %s "$0" > "$1"; echo; exec sleep 60', note, lock]);
    try {
      await once(held.stdout, 'data');
      const [check] = await inUse(plan(target));
      expect(check.data.details).toMatch(/^\[31mredx{100,195}$/);
    } finally {
      held.kill();
      await once(held, 'exit');
    }
  });
});
