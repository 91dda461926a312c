/** A process that is killed at any moment of a capture, a prune or a repair; and two processes on one catalog. */
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { CommandName } from '../../src-engine/contract/commands.ts';
import type { Phase } from '../../src-engine/contract/job.contract.ts';
import { makeExt4, makeNoiseDisk, noise } from '../support/disks.ts';
import { openEngine, refusal, resultOf, type TestEngine } from '../support/engine.ts';
import { sha256 } from '../support/judges.ts';
import { otherProcess, type OtherProcess } from '../support/other-process.ts';
import { canLoop, MIB, run, workbench } from '../support/workbench.ts';

const bench = workbench();
const catalog = bench.path('catalog');
const base = bench.path('base.img');
const shared = bench.path('shared.img');
/** versions that must be there whatever happens, and what each deploys to */
const kept = new Map<string, string>();
let engine: TestEngine | null = null;
let cutShort = 0;

const opened = async () => (engine = await openEngine(catalog));
const closed = async () => {
  await engine?.close();
  engine = null;
};

/** Two thirds of it is also in every `victim`, so that their packs are worn when one of both goes. */
function makeVictim(seed: string): string {
  const path = bench.path('victim.img');
  writeFileSync(path, Buffer.concat([noise('shared', 8 * MIB), noise(seed, 12 * MIB)]));
  return path;
}

describe.skipIf(!canLoop)('killed', () => {
  beforeAll(async () => {
    makeExt4(bench, 'base.img', 16 * MIB);
    writeFileSync(shared, Buffer.concat([noise('shared', 8 * MIB), noise('of its own', 4 * MIB)]));
    const first = await opened();
    resultOf(await first.capture(base, 'base'));
    resultOf(await first.capture(shared, 'base'));
    for (const version of ['base@1', 'base@2']) {
      const target = bench.path('expected.img');
      rmSync(target, { force: true });
      resultOf(await first.deploy(version, target));
      kept.set(version, await sha256(target));
    }
    expect(kept.get('base@2')).toBe(await sha256(shared));
    await closed();
  });
  afterEach(closed);

  const deploysEqual = async (version: string) => {
    const target = bench.path('after.img');
    rmSync(target, { force: true });
    resultOf(await engine!.deploy(version, target));
    expect(await sha256(target)).toBe(kept.get(version));
  };

  /** Lets a process run commands and kills it some time into a phase. @returns the last job, and whether it was cut short */
  async function killAt(phase: Phase, delayMs: number, ...commands: [CommandName, Record<string, unknown>][]) {
    const other = otherProcess(catalog, ...commands);
    await other.said('job ');
    if (await other.said(`phase ${phase}`)) await sleep(delayMs);
    other.child.kill('SIGKILL');
    await other.gone;
    const jobId = other.lines.findLast((line) => line.startsWith('job '))!.slice(4);
    const lastLines = other.lines.slice(other.lines.lastIndexOf(`job ${jobId}`));
    const isCutShort = !lastLines.some((line) => line.startsWith('ended'));
    if (isCutShort) cutShort++;
    return { jobId, isCutShort };
  }

  /** What must hold after any crash. @param version of those kept, to be deployed */
  async function expectWhole({ jobId, isCutShort }: { jobId: string; isCutShort: boolean }, version: string) {
    const { client } = engine!;
    const job = await client.call('job.show', { jobId });
    if (isCutShort && job.outcome !== 'done') {
      expect(job).toMatchObject({ state: 'ended', outcome: 'lost', error: { code: 'ENGINE_LOST' } });
    }
    resultOf(await engine!.verify());
    const numbers = (await client.call('template.show', { template: 'base' })).versions.map(({ number }) => number);
    expect(numbers).toEqual([2, 1]);
    await deploysEqual(version);
  }

  /** The next writer cleans up: nothing unfinished is left, no file that the database does not speak of. */
  async function expectClean() {
    for (const name of ['victim', 'other', 'left', 'right']) {
      await engine!.client.call('template.delete', { template: name }).catch(() => {});
    }
    resultOf(await engine!.prune());
    expect(readdirSync(`${catalog}/scratch`)).toEqual([]);
    expect(
      readdirSync(`${catalog}/manifests`)
        .map((name) => name.replace(/^.*\./, ''))
        .sort(),
    ).toEqual(['dpm', 'dpm', 'json']);
    const onDisk = run('find', `${catalog}/packs`, '-type', 'f', '-printf', '%s\n').trim().split('\n').map(Number);
    const { storeBytes } = await engine!.client.call('app.info', {});
    expect(onDisk.reduce((sum, size) => sum + size)).toBe(storeBytes);
  }

  test.each<[Phase, number]>([
    ['inspecting', 0],
    ['capturing', 0],
    ['capturing', 60],
    ['publishing', 0],
    ['publishing', 20],
    ['verifying', 0],
    ['verifying', 25],
    ['verifying', 60],
  ])('in a capture, while %s, after %d ms', async (phase, delayMs) => {
    const source = makeVictim(`capture ${phase} ${delayMs}`);
    const killed = await killAt(phase, delayMs, ['capture.plan', { source, name: 'victim' }]);
    await opened();
    await expectWhole(killed, 'base@2');
    const victims = (await engine!.client.call('template.list', {})).filter((template) => template.name === 'victim');
    // it is there as a whole, or not at all
    if (victims.length > 0) {
      const target = bench.path('victim.deployed');
      rmSync(target, { force: true });
      resultOf(await engine!.deploy('victim', target));
      run('cmp', source, target);
    } else {
      resultOf(await engine!.capture(source, 'victim'));
      expect(readdirSync(`${catalog}/scratch`)).toEqual([]);
    }
    await expectClean();
  });

  test.each<[Phase, number]>([
    ['marking', 0],
    ['marking', 8],
    ['repacking', 0],
    ['repacking', 15],
    ['repacking', 40],
    ['repacking', 80],
  ])('in a prune, while %s, after %d ms', async (phase, delayMs) => {
    await opened();
    resultOf(await engine!.capture(makeVictim(`prune ${phase} ${delayMs}`), 'victim'));
    // its pack is half alive: the victim has content in it that nobody else has
    writeFileSync(bench.path('other.img'), noise(`prune ${phase} ${delayMs}`, 5 * MIB));
    resultOf(await engine!.capture(bench.path('other.img'), 'other'));
    await closed();
    const killed = await killAt(phase, delayMs, ['template.delete', { template: 'victim' }], ['prune.start', {}]);
    await opened();
    await expectWhole(killed, 'base@1');
    const target = bench.path('other.deployed');
    rmSync(target, { force: true });
    resultOf(await engine!.deploy('other', target));
    run('cmp', bench.path('other.img'), target);
    await expectClean();
  });

  test.each<[string, number]>([
    ['a sound database', 0],
    ['a sound database', 10],
    ['a lost database', 0],
    ['a lost database', 4],
    ['a lost database', 8],
    ['a lost database', 16],
  ])('in a repair of %s, after %d ms', async (what, delayMs) => {
    if (what === 'a lost database')
      for (const ending of ['', '-wal', '-shm']) rmSync(`${catalog}/catalog.db${ending}`, { force: true });
    const killed = await killAt('scanning', delayMs, ['repair.start', {}]);
    await opened();
    const listed = await engine!.client.call('template.list', {}).catch((error) => error.view.code as string);
    if (typeof listed === 'string') {
      // the half repaired database is not taken for a whole one
      expect(listed).toBe('CATALOG_DAMAGED');
      resultOf(await engine!.repair());
    }
    await expectWhole(killed, 'base@1');
    await deploysEqual('base@2');
    await expectClean();
  });

  test.each([0, 90, 250, 650])(
    'in two captures, a verify and a deploy to two targets at once, after %d ms',
    async (delayMs) => {
      // what both have, and what each has of its own
      const content = (name: string) => [
        noise('shared', 8 * MIB),
        noise(`both ${delayMs}`, 8 * MIB),
        noise(`${name} ${delayMs}`, 8 * MIB),
      ];
      const sources = ['left', 'right'].map((name) => {
        writeFileSync(bench.path(`${name}.img`), Buffer.concat(content(name)));
        return { name, source: bench.path(`${name}.img`) };
      });
      const targets = ['one.img', 'two.img'].map((name) => bench.path('beside', name));
      rmSync(bench.path('beside'), { recursive: true, force: true });
      mkdirSync(bench.path('beside'));
      const other = otherProcess(
        catalog,
        ...sources.map(({ name, source }) => ['capture.plan', { source, name }, 'beside'] as const),
        ['deploy.planAll', { template: 'base@2', targets }, 'beside'],
        ['verify.start', { template: null }, 'beside'],
      );
      while (other.lines.filter((line) => line.startsWith('job ')).length < 4 && other.child.exitCode === null)
        await sleep(2);
      await sleep(delayMs);
      other.child.kill('SIGKILL');
      await other.gone;
      const jobIds = other.lines.filter((line) => line.startsWith('job ')).map((line) => line.slice(4));
      expect(jobIds).toHaveLength(4);
      if (other.lines.filter((line) => line.startsWith('ended')).length < 4) cutShort++;

      await opened();
      const { client } = engine!;
      const jobs = await Promise.all(jobIds.map((jobId) => client.call('job.show', { jobId })));
      for (const job of jobs) {
        expect(job.state).toBe('ended');
        expect(job.outcome).toMatch(/^(done|lost)$/);
        if (job.kind !== 'deploy') for (const part of job.parts) expect(part.outcome).toBe(job.outcome);
      }
      await expectWhole({ jobId: jobIds[2], isCutShort: jobs[2].outcome !== 'done' }, 'base@1');
      // each is there as a whole, or not at all
      const there = new Set((await client.call('template.list', {})).map(({ name }) => name));
      for (const [i, { name, source }] of sources.entries()) {
        if (jobs[i].outcome === 'done') expect(there).toContain(name);
        if (!there.has(name)) continue;
        const copy = bench.path('copy.img');
        rmSync(copy, { force: true });
        resultOf(await engine!.deploy(name, copy));
        run('cmp', source, copy);
      }
      expect(jobs[2].parts.map(({ path }) => path)).toEqual(targets);
      for (const { path, outcome } of jobs[2].parts) {
        expect(outcome).toMatch(/^(done|lost)$/);
        // one that is there is whole, whether there was time left to write that down or not
        if (outcome === 'done') expect(existsSync(path)).toBe(true);
        if (existsSync(path)) run('cmp', shared, path);
      }
      // what was not finished is cleared up, of every part
      const others = () => readdirSync(bench.path('beside')).filter((name) => !['one.img', 'two.img'].includes(name));
      await expect.poll(others).toEqual([]);
      // what was lost can be done again beside each other
      const again = await Promise.all(
        sources.filter(({ name }) => !there.has(name)).map(({ name, source }) => engine!.capture(source, name)),
      );
      again.forEach(resultOf);
      resultOf(await engine!.verify());
      await expectClean();
    },
  );

  test('most of these kills came before the end', () => {
    expect(cutShort).toBeGreaterThan(16);
  });
});

describe('two processes', () => {
  let other: OtherProcess | null = null;
  afterEach(async () => {
    other?.child.kill('SIGKILL');
    await other?.gone;
    await closed();
  });

  test('the second writer is told who writes', async () => {
    const here = await openEngine(bench.path('busy'));
    engine = here;
    const source = makeNoiseDisk(bench, 'slow.img', 60 * MIB);
    const tiny = makeNoiseDisk(bench, 'tiny.img', MIB);
    resultOf(await here.capture(tiny, 'tiny'));
    other = otherProcess(bench.path('busy'), ['capture.plan', { source, name: 'held' }]);
    expect(await other.said('phase capturing')).toBe(true);
    other.child.kill('SIGSTOP');
    const holder = `capture held (process ${other.child.pid})`;
    for (const job of [await here.capture(tiny, 'second'), await here.prune()]) {
      expect(job).toMatchObject({ outcome: 'failed', error: { code: 'CATALOG_BUSY', data: { holder } } });
    }
    expect(await refusal(here.client.call('repair.start', {}))).toMatchObject({
      code: 'CATALOG_BUSY',
      data: { holder },
    });
    // readers are not held up, nor are edits
    resultOf(await here.verify());
    resultOf(await here.deploy('tiny', bench.path('tiny.deployed')));
    await here.client.call('template.edit', { template: 'tiny', note: 'edited meanwhile' });
    other.child.kill('SIGCONT');
    expect(await other.said('ended done')).toBe(true);
    resultOf(await here.capture(tiny, 'second'));
    const names = (await here.client.call('template.list', {})).map((template) => template.name);
    expect(names.sort()).toEqual(['held', 'second', 'tiny']);
    resultOf(await here.verify());
  });

  test('a deploy goes on while its packs are pruned', async () => {
    const here = await openEngine(bench.path('pruned'));
    engine = here;
    const part = makeNoiseDisk(bench, 'part.img', 64 * MIB);
    const whole = bench.path('whole.img');
    run('sh', '-c', `cat ${part} > ${whole}; head -c ${80 * MIB} /dev/urandom >> ${whole}`);
    resultOf(await here.capture(whole, 'whole'));
    resultOf(await here.capture(part, 'part'));
    await here.client.call('template.delete', { template: 'whole' });
    const packs = () => run('find', bench.path('pruned/packs'), '-type', 'f').trim().split('\n');
    const old = packs();

    const target = bench.path('part.deployed');
    other = otherProcess(bench.path('pruned'), ['deploy.plan', { template: 'part', target }]);
    expect(await other.said('phase writing')).toBe(true);
    other.child.kill('SIGSTOP');
    const pruned = await here.prune();
    expect(resultOf(pruned).storedBytes).toBeGreaterThan(70 * MIB);
    expect(pruned.warnings.map((warning) => warning.code)).toEqual(['PACKS_KEPT_FOR_READERS']);
    expect(packs()).toEqual(expect.arrayContaining(old));
    other.child.kill('SIGCONT');
    expect(await other.said('ended done')).toBe(true);
    await other.gone;
    run('cmp', part, target);

    resultOf(await here.prune());
    expect(packs().some((path) => old.includes(path))).toBe(false);
    resultOf(await here.verify());
  });
});
