import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { openDatabase } from '../../../src-engine/catalog/database.ts';
import { JobRepository } from '../../../src-engine/catalog/job-repository.ts';
import { JobViewSchema, type JobResult, type JobView } from '../../../src-engine/contract/job.contract.ts';
import { EngineError } from '../../../src-engine/core/engine-error.ts';
import type { JobContext } from '../../../src-engine/core/job-context.ts';
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

function runner() {
  const db = openDatabase(join(folder, `jobs-${count++}.db`));
  const jobs = new JobRepository(db);
  const events: JobView[] = [];
  const runner = new JobRunner(
    () => jobs,
    (job) => events.push(JobViewSchema.parse(job)),
  );
  const start = (work: (context: JobContext) => Promise<JobResult>) =>
    runner.start({ kind: 'verify', templateName: 'base', path: '' }, work);
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

test('one at a time, in order; one that waits can be cancelled', async () => {
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
  const ids = [start(work('a')), start(work('b')), start(work('c'))];
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
