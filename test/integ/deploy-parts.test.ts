/** Several targets are one job with a part for each: what becomes of one is not what becomes of the others. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { JobView } from '../../src-engine/contract/job.contract.ts';
import { commandLine, lastLine } from '../support/command-line.ts';
import { makeExt4, makeGptDisk, makeNoiseDisk, makeSlowDisk } from '../support/disks.ts';
import { openEngine, refusal, resultOf, type TestEngine } from '../support/engine.ts';
import { expectSoundGpt, recognised } from '../support/judges.ts';
import { storeTogether } from '../support/several-disks.ts';
import { canLoop, MIB, run, workbench } from '../support/workbench.ts';

const bench = workbench();

describe.skipIf(!canLoop)('a deploy to several targets', () => {
  const catalog = bench.path('catalog');
  const diskpress = commandLine(catalog);
  let engine: TestEngine;
  let disk: string;

  beforeAll(async () => {
    engine = await openEngine(catalog);
    disk = makeGptDisk(bench, 'gpt.img').path;
    resultOf(await engine.capture(disk, 'gpt'));
    resultOf(await engine.capture(makeSlowDisk(bench, 'slow.img'), 'slow'));
  });
  afterAll(() => engine.close());

  const plans = (template: string, targets: string[]) => engine.client.call('deploy.planAll', { template, targets });
  async function start(template: string, targets: string[]) {
    const starts = (await plans(template, targets)).map(({ planId, confirmWords: [confirm] }) => ({ planId, confirm }));
    const { jobId } = await engine.client.call('deploy.startAll', { starts });
    return { jobId, starts };
  }
  const outcomes = ({ parts }: JobView) => parts.map(({ path, outcome }) => [path, outcome]);

  /** A disk whose medium ends early: the file behind it cannot grow where it lies. */
  function brokenDevice(lengthBytes: number, roomBytes: number): string {
    const point = bench.path('no-room');
    mkdirSync(point);
    run('mount', '-t', 'tmpfs', '-o', `size=${roomBytes}`, 'tmpfs', point);
    bench.atEnd(() => run('umount', point));
    const image = join(point, 'disk.img');
    run('truncate', '-s', String(lengthBytes), image);
    return bench.attach(image);
  }

  test('one of which breaks: it is named and does not look finished, the others end verified', async () => {
    const { size } = statSync(disk);
    const bad = brokenDevice(size, 4 * MIB);
    const good = bench.attach(bench.file('good.img', size, 0xff));
    const targets = [bench.path('file.img'), bad, good];
    const { jobId, starts } = await start('gpt', targets);
    const job = await engine.ended(jobId);
    expect(outcomes(job)).toEqual([
      [targets[0], 'done'],
      [bad, 'failed'],
      [good, 'done'],
    ]);
    expect(job).toMatchObject({
      kind: 'deploy',
      templateName: 'gpt',
      path: targets.join(', '),
      outcome: 'failed',
      error: { code: 'PARTS_FAILED', data: { failed: [bad], done: [targets[0], good] } },
    });
    expect(job.parts[1].error!.code).toMatch(/^(WRITE_FAILED|READ_FAILED|VERIFY_MISMATCH)$/);
    // what is free beside the device's node is free on another file system
    expect(job.parts[1].error!.data).not.toHaveProperty('freeBytes');
    expect(job.parts.map(({ planId }) => planId)).toEqual(starts.map(({ planId }) => planId));
    for (const i of [0, 2]) {
      const result = job.parts[i].result!;
      expect(result.verifiedBytes).toBeGreaterThan(0);
      // both copies of the table and the first sector at least, and no more than both ends of the disk
      expect(result.heldBackBytes).toBeGreaterThanOrEqual(512 + 2 * (512 + 128 * 128));
      expect(result.heldBackBytes).toBeLessThanOrEqual(2 * MIB);
      expect(job.parts[i].phases.map(({ phase }) => phase)).toEqual(['inspecting', 'writing', 'finishing']);
    }
    for (const target of [targets[0], good]) expectSoundGpt(target);
    run('cmp', targets[0], good, '-n', '17408');
    expect(recognised(bad)).toBe('');
    expect(job.parts[1].phases.at(-1)!.phase).toBe('writing');
    // and it is written down so
    const [kept] = await engine.client.call('job.list', {});
    expect(outcomes(kept)).toEqual(outcomes(job));

    const again = bench.path('again.img');
    const told = await diskpress('deploy', 'gpt', again, bad, '--confirm', bad);
    expect(told.code).toBe(9);
    expect(told.err).toMatch(new RegExp(`  ${again}: Done\n  ${bad}: .*${bad}.*\n`));
    expect(told.err).toMatch(new RegExp(`These parts failed: ${bad}\\.\n[^]*PARTS_FAILED\n$`));
    expectSoundGpt(again);
    bench.detach(bad);
    bench.detach(good);
  });

  test('is cancelled as a whole', async () => {
    const targets = ['one', 'two'].map((name) => bench.path(name, 'x.img'));
    for (const name of ['one', 'two']) mkdirSync(bench.path(name));
    const { jobId } = await start('slow', targets);
    await engine.reached(jobId, 'writing');
    await engine.client.call('job.cancel', { jobId });
    const job = await engine.ended(jobId);
    expect(job.outcome).toBe('aborted');
    expect(outcomes(job).map(([, outcome]) => outcome)).not.toContain('failed');
    const left = ['one', 'two'].flatMap((name) => readdirSync(bench.path(name)));
    // one may have been whole before
    expect(left).toEqual(outcomes(job).flatMap(([, outcome]) => (outcome === 'done' ? ['x.img'] : [])));
  });

  test('waits for who has any of them, and is waited for by who wants any', async () => {
    const [a, b, c] = ['a', 'b', 'c'].map((name) => bench.path(`waits-${name}.img`));
    const wanted: [string, string[]][] = [
      ['slow', [a, b]],
      ['gpt', [c, b]],
      ['gpt', [c, bench.path('waits-d.img')]],
    ];
    // planned beforehand: the first must not have ended when the others come
    const planned = await Promise.all(wanted.map(([template, targets]) => plans(template, targets)));
    const started: { jobId: string }[] = [];
    // one after the other: each has its claims before the next
    for (const list of planned)
      started.push(await engine.client.call('deploy.startAll', { starts: list.map(({ planId }) => ({ planId })) }));
    const [first, second, third] = started;
    const jobs = await Promise.all([first, second, third].map(({ jobId }) => engine.ended(jobId)));
    const waitedFor = ({ id }: JobView) =>
      engine.events.filter((job) => job.id === id && job.waitsFor).map(({ waitsFor }) => waitsFor!)[0];
    jobs.slice(0, 1).forEach(resultOf);
    expect(waitedFor(jobs[1])).toMatchObject({ claim: 'target', what: b, jobs: [{ id: first.jobId }] });
    expect(waitedFor(jobs[2])).toMatchObject({ claim: 'target', what: c, jobs: [{ id: second.jobId }] });
    // what had come meanwhile is not replaced: each part looks again
    const codes = ({ parts }: JobView) => parts.map(({ error }) => error?.code);
    expect(codes(jobs[1])).toEqual([undefined, 'OVERWRITE_REQUIRED']);
    expect(codes(jobs[2])).toEqual(['OVERWRITE_REQUIRED', undefined]);
  });

  test('is told part by part on the command line', async () => {
    const target = bench.path('said.img');
    const bad = bench.attach(bench.file('taken.img', statSync(disk).size));
    const both = await diskpress('deploy', 'gpt', target, bad, '--confirm', bad);
    expect(both.code).toBe(0);
    expect(both.out).toContain(`  ${target}: Done\n  ${bad}: Done\n`);
    expect(both.err).toContain(`${target}: Writing\n`);
    expect(both.err).toContain(`${bad}: Writing\n`);
    bench.detach(bad);
  });
});

describe('a template of two disks', () => {
  const catalog = bench.path('pairs');
  const diskpress = commandLine(catalog);
  const disks = [
    makeNoiseDisk(bench, 'first.img', 3 * MIB),
    makeExt4(bench, 'second.img', 8 * MIB, '-O', '^has_journal'),
  ];
  let engine: TestEngine;

  beforeAll(async () => {
    await storeTogether(catalog, disks, 'pair');
    engine = await openEngine(catalog);
  });
  afterAll(() => engine.close());

  const paths = (...names: string[]) => names.map((name) => bench.path(`pair-${name}.img`));
  /** Free blocks are not captured: an ext4 is judged by its checker, and by what a deploy of its disk alone gives. */
  function expectDisk(number: number, path: string) {
    expect(statSync(path).size).toBe(statSync(disks[number - 1]).size);
    if (number === 1) expect(readFileSync(path).equals(readFileSync(disks[0]))).toBe(true);
    else run('e2fsck', '-fn', path);
    rmSync(path);
  }

  test('goes to two targets in its order, and to four as two machines: the plan says which goes where', async () => {
    for (const targets of [paths('a0', 'a1'), paths('a0', 'a1', 'b0', 'b1')]) {
      const { code, out, err } = await diskpress('deploy', 'pair', ...targets);
      expect(code).toBe(0);
      targets.forEach((target, i) => {
        const told = new RegExp(`pair, version 1, disk ${(i % 2) + 1} of 2, to:\n.*${target}`);
        expect(err).toMatch(told);
        expect(out).toContain(`  ${target}: Done\n`);
        expectDisk((i % 2) + 1, target);
      });
    }
  });

  test.each([1, 3, 5])('does not go to %d targets: the error says how many there are', async (count) => {
    const targets = paths(...Array.from({ length: count }, (_, i) => `wrong-${i}`));
    const ended = await diskpress('--json', 'deploy', 'pair', ...targets);
    expect(ended.code).toBe(2);
    const data = { template: 'pair@1', count: 2, targets: count };
    expect(lastLine(ended).error).toMatchObject({ code: 'TARGET_COUNT', data });
    expect(lastLine(ended).error.message).toContain('each of its disks (2)');
    expect(targets.some((target) => existsSync(target))).toBe(false);
  });

  test('one of its disks goes to any number of targets', async () => {
    const targets = paths('x', 'y', 'z');
    const ended = await diskpress('--json', 'deploy', 'pair', ...targets, '--disk', '2');
    expect(lastLine(ended).value).toMatchObject({ outcome: 'done', parts: [{}, {}, {}] });
    for (const target of targets) expectDisk(2, target);
    const { code } = await refusal(
      engine.client.call('deploy.planAll', { template: 'pair', disk: 3, targets: paths('x') }),
    );
    expect(code).toBe('NO_SUCH_DISK');
  });
});
