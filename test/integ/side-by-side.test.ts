/** Jobs of one engine that run at the same time, and those that wait for each other. */
import { rmSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { JobView } from '../../src-engine/contract/job.contract.ts';
import { makeSlowDisk, noise } from '../support/disks.ts';
import { openEngineThread, resultOf, type TestEngine } from '../support/engine.ts';
import { MIB, run, workbench } from '../support/workbench.ts';

const bench = workbench();
let engine: TestEngine;

/** Two thirds of it is in every one of them. */
function makeDisk(name: string): string {
  const path = bench.path(`${name}.img`);
  writeFileSync(path, Buffer.concat([noise('shared', 16 * MIB), noise(name, 8 * MIB)]));
  return path;
}

const startCapture = async (source: string, name: string) => {
  const { planId } = await engine.client.call('capture.plan', { source, name });
  return () => engine.client.call('capture.start', { planId });
};
const startDeploy = async (template: string, target: string) => {
  const { planId } = await engine.client.call('deploy.plan', { template, target });
  return () => engine.client.call('deploy.start', { planId, overwrite: true });
};
const startVerify = () => engine.client.call('verify.start', { template: null });
const startPrune = () => engine.client.call('prune.start', {});

async function runTogether(...starts: (() => Promise<{ jobId: string }>)[]): Promise<JobView[]> {
  const started = await Promise.all(starts.map((start) => start()));
  return Promise.all(started.map(({ jobId }) => engine.ended(jobId)));
}
/** All that a job was seen to wait for. */
const waitedFor = ({ id }: JobView) =>
  engine.events.filter((job) => job.id === id && job.waitsFor).map(({ waitsFor }) => waitsFor!);

async function expectDeploysEqual(template: string, source: string) {
  const target = bench.path('deployed.img');
  rmSync(target, { force: true });
  resultOf(await engine.deploy(template, target));
  run('cmp', source, target);
}

beforeAll(async () => {
  engine = await openEngineThread(bench.path('catalog'));
  resultOf(await engine.capture(makeDisk('base'), 'base'));
});
afterAll(() => engine.close());

test('two captures, a verify and a deploy at once: none waits, and all is whole', async () => {
  const [a, b] = [makeDisk('a'), makeDisk('b')];
  const jobs = await runTogether(
    await startCapture(a, 'a'),
    await startCapture(b, 'b'),
    startVerify,
    await startDeploy('base', bench.path('beside.img')),
  );
  jobs.forEach(resultOf);
  expect(jobs.flatMap(waitedFor)).toEqual([]);
  // each had begun before the first of them had ended
  const firstEnd = Math.min(...jobs.map((job) => Date.parse(job.endedAt!)));
  expect(Math.max(...jobs.map((job) => Date.parse(job.startedAt!)))).toBeLessThanOrEqual(firstEnd);
  run('cmp', bench.path('base.img'), bench.path('beside.img'));
  resultOf(await engine.verify());
  await expectDeploysEqual('a', a);
  await expectDeploysEqual('b', b);
});

test('three deploys at once, and a look into a template meanwhile', async () => {
  const targets = ['one', 'two', 'three'].map((name) => bench.path(`${name}.img`));
  const starts = await Promise.all(targets.map((target) => startDeploy('base', target)));
  const running = runTogether(...starts);
  await engine.client.call('files.volumes', { template: 'base' });
  const jobs = await running;
  jobs.forEach(resultOf);
  expect(jobs.flatMap(waitedFor)).toEqual([]);
  for (const target of targets) run('cmp', bench.path('base.img'), target);
});

test('two captures of one template become two versions, one after the other', async () => {
  const [a, b] = [makeDisk('first'), makeDisk('second')];
  const [startFirst, startSecond] = [await startCapture(a, 'grows'), await startCapture(b, 'grows')];
  // of two that are asked for at the same moment either may come first
  const { jobId } = await startFirst();
  const [second] = await runTogether(startSecond);
  const jobs = [await engine.ended(jobId), second];
  expect(jobs.map((job) => resultOf(job).versionNumber)).toEqual([1, 2]);
  expect(waitedFor(jobs[1])[0]).toMatchObject({ claim: 'template', what: 'grows', jobs: [{ id: jobs[0].id }] });
  await expectDeploysEqual('grows@1', a);
  await expectDeploysEqual('grows@2', b);
});

test('what writes to a target is waited for by its next writer, and by who wants to read it', async () => {
  const target = bench.path('contended.img');
  writeFileSync(target, noise('before', 24 * MIB));
  const [first, second, third] = await runTogether(
    await startDeploy('base', target),
    await startDeploy('a', target),
    await startCapture(target, 'read-back'),
  );
  resultOf(first);
  resultOf(second);
  expect(waitedFor(second)[0]).toMatchObject({ claim: 'target', what: target, jobs: [{ id: first.id }] });
  expect(waitedFor(third)[0]).toMatchObject({ claim: 'source', what: target });
  run('cmp', target, bench.path('a.img'));
});

test('a prune waits until nobody reads, keeps no packs for readers, and what came later waits for it', async () => {
  await engine.client.call('template.delete', { template: 'b' });
  resultOf(await engine.capture(makeSlowDisk(bench, 'slow.img'), 'slow'));
  const start = await startDeploy('slow', bench.path('slow deployed.img'));
  const { jobId } = await start();
  const [pruned, verified] = await runTogether(startPrune, startVerify);
  const deployed = await engine.ended(jobId);
  resultOf(deployed);
  expect(resultOf(pruned).storedBytes).toBeGreaterThan(7 * MIB);
  expect(pruned.warnings).toEqual([]);
  resultOf(verified);
  expect(waitedFor(pruned)[0]).toMatchObject({ claim: 'catalog', jobs: [{ id: deployed.id }] });
  expect(waitedFor(verified)[0]).toMatchObject({ claim: 'catalog', jobs: [{ id: pruned.id }] });
  await expectDeploysEqual('a', bench.path('a.img'));
});

test('two exports of packages at once', async () => {
  const paths = ['one', 'two'].map((name) => bench.path(`${name}.dpk.7z`));
  const starts = await Promise.all(
    paths.map(async (path, i) => {
      const template = ['a', 'base'][i];
      const { planId } = await engine.client.call('export.plan', { template, format: 'package', path });
      return () => engine.client.call('export.start', { planId });
    }),
  );
  const jobs = await runTogether(...starts);
  jobs.forEach(resultOf);
  expect(jobs.flatMap(waitedFor)).toEqual([]);
  for (const [i, path] of paths.entries()) {
    const { planId } = await engine.client.call('import.plan', { path, name: `back ${i}` });
    resultOf(await engine.ended((await engine.client.call('import.start', { planId })).jobId));
  }
  resultOf(await engine.verify());
});

test('one capture is cancelled while another runs: nothing of it is left, and the other is whole', async () => {
  const [a, b] = [makeDisk('cancelled'), makeDisk('stays')];
  const starts = [await startCapture(a, 'cancelled'), await startCapture(b, 'stays')];
  const [gone, stays] = await Promise.all(starts.map((start) => start()));
  await engine.reached(gone.jobId, 'capturing');
  await engine.client.call('job.cancel', { jobId: gone.jobId });
  expect((await engine.ended(gone.jobId)).outcome).toBe('aborted');
  resultOf(await engine.ended(stays.jobId));
  await expectDeploysEqual('stays', b);
  resultOf(await engine.verify());
  expect(run('ls', bench.path('catalog', 'scratch'))).toBe('');
});
