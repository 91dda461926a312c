/** A machine of a real libvirt is captured while it writes: all its disks at one moment, and nothing of that stays. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openEngineThread, refusal, resultOf, type TestEngine } from '../../support/engine.ts';
import { startLibvirt, virsh } from '../../support/libvirt.ts';
import { otherProcess } from '../../support/other-process.ts';
import { canLoop, workbench } from '../../support/workbench.ts';
import { isOneMoment, numbersOf, startWriting, writingMachine } from '../../support/writing-machine.ts';

const NAME = 'live-writing';
const PLACE = `libvirt:${NAME}`;

describe.skipIf(!canLoop)('a machine that runs', () => {
  const bench = workbench();
  const catalog = bench.path('catalog');
  let engine: TestEngine;
  let paths: string[];
  let count = 0;

  beforeAll(async () => {
    startLibvirt();
    engine = await openEngineThread(catalog);
    bench.atEnd(() => engine.close());
    paths = writingMachine(bench, NAME, 'raw');
    await startWriting(NAME);
  });
  beforeEach(() => count++);

  const state = () => virsh('domstate', `--domain=${NAME}`).trim();
  const capture = (more: object = {}) =>
    engine.capture(PLACE, `machine ${count}`, { live: true, outside: 'take', ...more });

  /** What is left of a backup, where there is any. */
  function traces(): string[] {
    const folders = readdirSync('/var/lib/libvirt/qemu').filter((name) => name.endsWith(`-${NAME}`));
    const left = [bench.folder, ...folders.map((name) => join('/var/lib/libvirt/qemu', name))].flatMap((folder) =>
      readdirSync(folder).filter((name) => name.startsWith('diskpress-')),
    );
    const job = virsh('domjobinfo', `--domain=${NAME}`).includes('None') ? [] : ['a job'];
    const owed = existsSync(join(catalog, 'pledges')) ? readdirSync(join(catalog, 'pledges')) : [];
    const points = virsh('checkpoint-list', '--name', `--domain=${NAME}`).split('\n').filter(Boolean);
    return [...left, ...job, ...owed, ...points];
  }

  async function deployed(template: string): Promise<string[]> {
    const targets = [bench.path(`${template}-1.img`), bench.path(`${template}-2.img`)];
    for (const [i, target] of targets.entries()) {
      const { planId } = await engine.client.call('deploy.plan', { template, target, disk: i + 1, exact: true });
      resultOf(await engine.ended((await engine.client.call('deploy.start', { planId })).jobId));
    }
    return targets;
  }

  test('is captured as it was at one moment, with all its disks, and goes on', async () => {
    resultOf(await capture());
    const numbers = numbersOf(await deployed('machine 1'));
    expect(numbers, numbers.join(' ')).toSatisfy(isOneMoment);
    expect(state()).toBe('running');
    expect(traces()).toEqual([]);
    const [{ number, consistency, disks }] = (await engine.client.call('template.show', { template: 'machine 1' }))
      .versions;
    expect([number, consistency, disks.map(({ source }) => source.path)]).toEqual([1, 'crash', paths]);
  });

  test('is told to be so by the plan of its capture and by that of a deploy', async () => {
    const { checks } = await engine.client.call('capture.plan', {
      source: PLACE,
      name: 'told',
      live: true,
      outside: 'take',
    });
    expect(checks.filter(({ code }) => code.startsWith('LIVE'))).toMatchObject([
      { code: 'LIVE_CRASH_CONSISTENT', level: 'warn' },
    ]);
    expect(traces()).toEqual([]);
    const plan = await engine.client.call('deploy.plan', {
      template: 'machine 1',
      disk: 1,
      target: bench.path('t.img'),
    });
    expect(plan.checks).toContainEqual(expect.objectContaining({ code: 'TEMPLATE_CRASH_CONSISTENT', level: 'warn' }));
  });

  test('is captured as well while it is paused, and stays so', async () => {
    virsh('suspend', `--domain=${NAME}`);
    resultOf(await capture());
    expect(state()).toBe('paused');
    virsh('resume', `--domain=${NAME}`);
    const numbers = numbersOf(await deployed(`machine ${count}`));
    expect(numbers, numbers.join(' ')).toSatisfy(isOneMoment);
  });

  test('goes on when its capture is cancelled', async () => {
    const { planId } = await engine.client.call('capture.plan', {
      source: PLACE,
      name: 'cancelled',
      live: true,
      trackChanges: true,
      outside: 'take',
    });
    const { jobId } = await engine.client.call('capture.start', { planId });
    await engine.client.call('job.cancel', { jobId });
    expect(await engine.ended(jobId)).toMatchObject({ outcome: 'aborted' });
    expect([state(), traces()]).toEqual(['running', []]);
  });

  test('is let go by the next engine where the one that captured it was killed', async () => {
    const request = { source: PLACE, name: 'killed', live: true, outside: 'take', level: 19 };
    const other = otherProcess(bench.path('killed'), ['capture.plan', request]);
    expect(await other.said('phase capturing')).toBe(true);
    other.child.kill('SIGKILL');
    await other.gone;
    const was = traces();
    const next = await openEngineThread(bench.path('killed'));
    await next.client.call('pledge.list', {});
    await next.close();
    expect(was, 'it was killed too late').not.toEqual([]);
    expect([state(), traces(), readdirSync(bench.path('killed', 'pledges'))]).toEqual(['running', [], []]);
  });

  test('that is stopped hard meanwhile fails its capture, and nothing is left', async () => {
    const { planId } = await engine.client.call('capture.plan', {
      source: PLACE,
      name: 'stopped',
      live: true,
      outside: 'take',
    });
    const { jobId } = await engine.client.call('capture.start', { planId });
    await engine.reached(jobId, 'capturing').catch(() => {});
    virsh('destroy', `--domain=${NAME}`);
    const job = await engine.ended(jobId);
    expect(job.outcome).toBe('failed');
    expect(['DISK_SERVER_LOST', 'LIVE_NOT_POSSIBLE', 'DISK_SERVER_UNREACHABLE']).toContain(job.error?.code);
    await startWriting(NAME);
    expect(traces()).toEqual([]);
  });

  test('whose backup somebody else makes is left alone', async () => {
    const socket = join(
      '/var/lib/libvirt/qemu',
      readdirSync('/var/lib/libvirt/qemu').find((name) => name.endsWith(`-${NAME}`))!,
      'other.sock',
    );
    const xml = bench.path('backup.xml');
    writeFileSync(xml, `<domainbackup mode='pull'><server transport='unix' socket='${socket}'/></domainbackup>`);
    virsh('backup-begin', `--domain=${NAME}`, `--backupxml=${xml}`);
    expect(
      await refusal(engine.client.call('capture.plan', { source: PLACE, name: 'busy', live: true })),
    ).toMatchObject({
      code: 'LIVE_NOT_POSSIBLE',
      data: { place: PLACE },
    });
    expect(virsh('backup-dumpxml', `--domain=${NAME}`)).toContain('other.sock');
    virsh('domjobabort', `--domain=${NAME}`);
  });

  test('is captured in the ordinary way where it is off by then; what is no machine does not run', async () => {
    virsh('destroy', `--domain=${NAME}`);
    resultOf(await capture());
    const { versions } = await engine.client.call('template.show', { template: `machine ${count}` });
    expect(versions[0].consistency).toBeNull();
    expect(
      await refusal(engine.client.call('capture.plan', { source: paths[0], name: 'x', live: true })),
    ).toMatchObject({ code: 'BAD_REQUEST' });
  });
});
