import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { openDatabase } from '../../../src-engine/catalog/database.ts';
import { JobRepository } from '../../../src-engine/catalog/job-repository.ts';
import { JobViewSchema, type JobResult, type JobView } from '../../../src-engine/contract/job.contract.ts';
import { EngineError } from '../../../src-engine/core/engine-error.ts';
import type { JobContext } from '../../../src-engine/core/job-context.ts';
import { catalogClaim, type Claim } from '../../../src-engine/host/claims.ts';
import { JobRunner } from '../../../src-engine/host/job-runner.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const folder = temporaryFolder();
let count = 0;

const RESULT: JobResult = {
  templateId: null,
  versionNumber: null,
  processedBytes: 5,
  storedBytes: 0,
  verifiedBytes: 0,
  readBack: 'none',
  damagedTemplates: [],
};

function runner(places?: number) {
  const db = openDatabase(join(folder, `jobs-${count++}.db`));
  const jobs = new JobRepository(db);
  const events: JobView[] = [];
  const runner = new JobRunner(
    () => jobs,
    (job) => events.push(JobViewSchema.parse(job)),
    { places },
  );
  const start = (run: (context: JobContext) => Promise<JobResult>, ...claims: Claim[]) =>
    runner.start({ kind: 'verify', templateName: 'base', path: '' }, claims, [{ path: '', run }]);
  const ended = async (id: string) => {
    while (runner.show(id).state !== 'ended') await sleep(2);
    return runner.show(id);
  };
  return { db, jobs, events, runner, start, ended };
}

const untilAborted = (context: JobContext) =>
  new Promise<JobResult>((_, reject) =>
    context.signal.addEventListener('abort', () => reject(context.signal.reason as Error)),
  );

test('a job runs through its phases and ends with its result', async () => {
  const { start, ended, events, jobs } = runner();
  const id = start(async (context) => {
    context.phase('scanning', 0);
    context.warn({ code: 'READ_BACK_CACHED', data: { path: '/x' } });
    context.phase('verifying', 10);
    context.advance(10);
    await sleep(5);
    return RESULT;
  });
  const job = await ended(id);
  expect(job).toMatchObject({ outcome: 'done', error: null, result: RESULT, templateName: 'base' });
  expect(job.phases.map(({ phase }) => phase)).toEqual(['scanning', 'verifying']);
  expect(job.phases[1].elapsedMs).toBeGreaterThan(3);
  expect(events.at(-1)!.progress).toMatchObject({ phase: 'verifying', doneBytes: 10, totalBytes: 10 });
  expect(job.warnings).toEqual([{ code: 'READ_BACK_CACHED', data: { path: '/x' } }]);
  expect(events.map(({ state }) => state)).toEqual(expect.arrayContaining(['queued', 'running', 'ended']));
  expect(events[0].state).toBe('queued');
  expect(jobs.find(id)).toMatchObject({ outcome: 'done', progress: null });
});

test('what is thrown is its error', async () => {
  const { start, ended } = runner();
  const coded = start(() => Promise.reject(new EngineError('DISK_FULL', { path: '/x' })));
  const stranger = start(() => Promise.reject(new Error('a fault of ours')));
  expect(await ended(coded)).toMatchObject({ outcome: 'failed', error: { code: 'DISK_FULL', data: { path: '/x' } } });
  expect(await ended(stranger)).toMatchObject({ outcome: 'failed', error: { code: 'INTERNAL' } });
});

test('cancelled is not failed, whatever the work throws then', async () => {
  const { start, ended, runner: jobs } = runner();
  const first = start(untilAborted);
  await sleep(5);
  jobs.cancel(first);
  expect(await ended(first)).toMatchObject({ outcome: 'aborted', error: { code: 'ABORTED' }, result: null });
  const second = start((context) => untilAborted(context).catch(() => Promise.reject(new Error('something else'))));
  await sleep(5);
  jobs.cancel(second);
  expect(await ended(second)).toMatchObject({ outcome: 'aborted', error: { code: 'ABORTED' } });
  expect(jobs.cancel(second).outcome).toBe('aborted');
});

test('what is in each other’s way runs one at a time, in order; one that waits can be cancelled', async () => {
  const { start, ended, runner: jobs } = runner();
  const order: string[] = [];
  let running = 0;
  const work = (name: string) => async () => {
    expect(++running).toBe(1);
    order.push(name);
    await sleep(5);
    running--;
    return RESULT;
  };
  const ids = ['a', 'b', 'c'].map((name) => start(work(name), catalogClaim('alone')));
  expect(
    jobs
      .list()
      .map(({ id }) => id)
      .sort(),
  ).toEqual([...ids].sort());
  expect(jobs.isIdle).toBe(false);
  jobs.cancel(ids[1]);
  const all = await Promise.all(ids.map(ended));
  expect(order).toEqual(['a', 'c']);
  expect(all.map(({ outcome }) => outcome)).toEqual(['done', 'aborted', 'done']);
  expect(all[1]).toMatchObject({ startedAt: null, phases: [] });
  await sleep(1);
  expect(jobs.isIdle).toBe(true);
});

test('closing cancels everything and waits', async () => {
  const { start, runner: jobs } = runner();
  const ids = [start(untilAborted), start(untilAborted)];
  await jobs.close();
  expect(ids.map((id) => jobs.show(id).outcome)).toEqual(['aborted', 'aborted']);
});

test('an unknown job', () => {
  const { runner: jobs } = runner();
  for (const work of [() => jobs.show('x'), () => jobs.cancel('x')]) {
    expect(work).toThrow(expect.objectContaining({ code: 'JOB_NOT_FOUND' }));
  }
});

test('where its end cannot be written down it is told all the same, and the next job runs', async () => {
  const { db, start, ended, events } = runner();
  const id = start(async () => {
    db.exec("CREATE TRIGGER full BEFORE UPDATE ON job BEGIN SELECT RAISE(FAIL, 'no room'); END");
    return RESULT;
  });
  const job = await ended(id);
  expect(job.outcome).toBe('done');
  expect(events.at(-1)).toMatchObject({ id, state: 'ended' });
  db.exec('DROP TRIGGER full');
  expect(await ended(start(async () => RESULT))).toMatchObject({ outcome: 'done' });
});

test('where it cannot even be written down that it waits, it is refused', () => {
  const { db, start, runner: jobs } = runner();
  db.exec("CREATE TRIGGER full BEFORE INSERT ON job BEGIN SELECT RAISE(FAIL, 'no room'); END");
  expect(() => start(async () => RESULT)).toThrow('no room');
  expect(jobs.list()).toEqual([]);
  expect(jobs.isIdle).toBe(true);
});

describe('side by side', () => {
  const held = () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    return { release: resolve, work: () => promise.then(() => RESULT) };
  };
  const [reads, alone] = [catalogClaim('read'), catalogClaim('alone')];

  test('what is not in each other’s way', async () => {
    const { start, ended, runner: jobs } = runner();
    const [a, b] = [held(), held()];
    const ids = [start(a.work, reads), start(b.work, reads)];
    expect(ids.map((id) => jobs.show(id).state)).toEqual(['running', 'running']);
    b.release();
    expect((await ended(ids[1])).outcome).toBe('done');
    expect(jobs.show(ids[0]).state).toBe('running');
    a.release();
    await ended(ids[0]);
  });

  test('who waits says for what and for whom, is not overtaken, and can be cancelled at once', async () => {
    const { start, ended, runner: jobs, events } = runner();
    const [reader, pruning, second] = [held(), held(), held()];
    const first = start(reader.work, reads);
    const waiting = start(pruning.work, alone);
    const late = start(second.work, reads);
    expect(events.filter(({ id }) => id === waiting)[0].waitsFor).toMatchObject({
      claim: 'catalog',
      jobs: [{ id: first }],
    });
    expect(jobs.show(late)).toMatchObject({ state: 'queued', waitsFor: { claim: 'catalog', jobs: [{ id: waiting }] } });
    expect(jobs.cancel(waiting)).toMatchObject({ state: 'ended', outcome: 'aborted', startedAt: null, waitsFor: null });
    expect(jobs.show(late)).toMatchObject({ state: 'running', waitsFor: null });
    reader.release();
    second.release();
    await Promise.all([ended(first), ended(late)]);
  });

  test('no more than there are places', async () => {
    const db = openDatabase(join(folder, `jobs-${count++}.db`));
    const jobs = new JobRunner(
      () => new JobRepository(db),
      () => {},
      { places: 2 },
    );
    const works = [held(), held(), held()];
    const about = { kind: 'verify', templateName: '', path: '' } as const;
    const ids = works.map(({ work }) => jobs.start(about, [reads], [{ path: '', run: work }]));
    expect(jobs.show(ids[2])).toMatchObject({ state: 'queued', waitsFor: { claim: 'places', jobs: [{}, {}] } });
    works[0].release();
    while (jobs.show(ids[2]).state === 'queued') await sleep(1);
    works.forEach(({ release }) => release());
    while (!jobs.isIdle) await sleep(1);
    expect(ids.map((id) => jobs.show(id).outcome)).toEqual(['done', 'done', 'done']);
  });
});

describe('a job of several parts', () => {
  const about = { kind: 'deploy', templateName: 'base', path: '2 targets' } as const;
  const fails = () => Promise.reject(new EngineError('WRITE_FAILED', { path: '/b', offsetBytes: 1, reason: 'EIO' }));

  async function run(...works: ((context: JobContext) => Promise<JobResult>)[]) {
    const { runner: jobs, ended, jobs: repository, events } = runner();
    const parts = works.map((work, i) => ({ path: `/${'abc'[i]}`, run: work }));
    const id = jobs.start(about, [], parts);
    return { id, jobs, ended: () => ended(id), repository, events };
  }

  test('is done when all are, and sums up what they did', async () => {
    const { ended } = await run(
      async () => ({ ...RESULT, readBack: 'direct' }),
      async () => ({ ...RESULT, readBack: 'cached' }),
    );
    const job = await ended();
    expect(job).toMatchObject({ outcome: 'done', error: null, result: { processedBytes: 10, readBack: 'cached' } });
    expect(job.parts.map(({ path, outcome }) => [path, outcome])).toEqual([
      ['/a', 'done'],
      ['/b', 'done'],
    ]);
  });

  test('goes on where one fails, and names those that failed', async () => {
    const { id, ended, repository } = await run(async (context) => {
      context.phase('writing', 10);
      await sleep(20);
      context.advance(10);
      return RESULT;
    }, fails);
    const job = await ended();
    expect(job).toMatchObject({ outcome: 'failed', result: null });
    expect(job.error).toMatchObject({ code: 'PARTS_FAILED', data: { path: '/b', failed: ['/b'], done: ['/a'] } });
    expect(job.parts).toMatchObject([
      { path: '/a', outcome: 'done', phases: [{ phase: 'writing' }], result: RESULT },
      { path: '/b', outcome: 'failed', error: { code: 'WRITE_FAILED' }, result: null },
    ]);
    expect(repository.find(id)!.parts.map(({ outcome, progress }) => [outcome, progress])).toEqual([
      ['done', null],
      ['failed', null],
    ]);
  });

  test('is aborted where it was cancelled and nothing failed', async () => {
    const { id, jobs, ended } = await run(async () => RESULT, untilAborted);
    await sleep(5);
    jobs.cancel(id);
    const job = await ended();
    expect(job).toMatchObject({ outcome: 'aborted', error: { code: 'ABORTED' } });
    expect(job.parts.map(({ outcome }) => outcome)).toEqual(['done', 'aborted']);
  });

  test('shows each part’s phase and rate, and the amounts of those in the same phase together', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const work = async (context: JobContext) => {
      context.phase('writing', 100);
      context.advance(30);
      await promise;
      return RESULT;
    };
    const { id, jobs, events, ended } = await run(work, work);
    while (jobs.show(id).progress?.doneBytes !== 60) await sleep(5);
    expect(jobs.show(id).progress).toMatchObject({ phase: 'writing', doneBytes: 60, totalBytes: 200 });
    expect(events.at(-1)!.parts.map(({ progress }) => progress!.doneBytes)).toEqual([30, 30]);
    resolve();
    await ended();
  });

  test('runs no more of them at once than there are places, and none that was cancelled before it began', async () => {
    const { runner: jobs, ended } = runner(2);
    let [running, most] = [0, 0];
    const begun: string[] = [];
    const work = (path: string) => ({
      path,
      run: async () => {
        begun.push(path);
        most = Math.max(most, ++running);
        await sleep(5);
        running--;
        return RESULT;
      },
    });
    const done = await ended(jobs.start(about, [], ['/a', '/b', '/c', '/d', '/e'].map(work)));
    expect(done.outcome).toBe('done');
    expect([most, begun]).toEqual([2, ['/a', '/b', '/c', '/d', '/e']]);

    begun.length = 0;
    const waits = (path: string) => ({ path, run: untilAborted });
    const id = jobs.start(about, [], [waits('/a'), waits('/b'), work('/c')]);
    while (jobs.show(id).parts[1].state !== 'running') await sleep(1);
    expect(jobs.show(id).parts.map(({ state }) => state)).toEqual(['running', 'running', 'queued']);
    jobs.cancel(id);
    expect((await ended(id)).parts.map(({ outcome }) => outcome)).toEqual(['aborted', 'aborted', 'aborted']);
    expect(begun).toEqual([]);
  });

  test('of one plan run in one place, however many they are: they may wait for each other', async () => {
    const { runner: jobs, ended } = runner(1);
    const planId = '00000000-0000-4000-8000-000000000001';
    const all = Promise.withResolvers<void>();
    let begun = 0;
    const run = async () => {
      if (++begun === 3) all.resolve();
      await all.promise;
      return RESULT;
    };
    const job = await ended(
      jobs.start(
        about,
        [],
        ['/a', '/b', '/c'].map((path) => ({ path, planId, run })),
      ),
    );
    expect(job.parts.map(({ outcome }) => outcome)).toEqual(['done', 'done', 'done']);
  });

  test('has no more places than other jobs: what comes later waits until one of its parts has ended, and none waits then', async () => {
    const { runner: jobs, start, ended } = runner(2);
    const gates = [0, 1, 2].map(() => Promise.withResolvers<void>());
    const parts = gates.map(({ promise }, i) => ({ path: `/${i}`, run: () => promise.then(() => RESULT) }));
    const several = jobs.start(about, [], parts);
    const later = start(async () => RESULT);
    expect(jobs.show(later)).toMatchObject({ state: 'queued', waitsFor: { claim: 'places', jobs: [{ id: several }] } });
    gates[0].resolve();
    while (jobs.show(several).parts[2].state !== 'running') await sleep(1);
    expect(jobs.show(later).state).toBe('queued');
    gates[1].resolve();
    expect((await ended(later)).outcome).toBe('done');
    expect(jobs.show(several).state).toBe('running');
    gates[2].resolve();
    expect((await ended(several)).outcome).toBe('done');
  });

  test('a part that has ended is written down while others run, by the plan that it carried out', async () => {
    const { runner: jobs, jobs: repository, ended } = runner();
    const { promise, resolve } = Promise.withResolvers<void>();
    const planId = '00000000-0000-4000-8000-000000000001';
    const parts = [
      { path: '/a', planId, run: async () => RESULT },
      { path: '/b', run: () => promise.then(() => RESULT) },
    ];
    const id = jobs.start(about, [], parts);
    while (repository.find(id)!.parts[0].state !== 'ended') await sleep(2);
    expect(repository.find(id)).toMatchObject({
      state: 'running',
      parts: [{ planId, outcome: 'done', result: RESULT }, { outcome: null }],
    });
    resolve();
    expect((await ended(id)).outcome).toBe('done');
  });
});
