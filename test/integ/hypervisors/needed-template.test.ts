/** A template over which machines are being made: nobody deletes it until they are made, or were given up. */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { openEngineThread, refusal, resultOf, type TestEngine } from '../../support/engine.ts';
import { definePool, removeAtEnd, startLibvirt } from '../../support/libvirt.ts';
import { otherProcess } from '../../support/other-process.ts';
import { canLoop, run, workbench } from '../../support/workbench.ts';

const exec = promisify(execFile);
const POOL = 'needed-pool';
const NAME = 'needed-machine';

describe.skipIf(!canLoop)('a template over which a machine is being made', () => {
  const bench = workbench();
  const catalog = bench.path('catalog');
  const pledges = join(catalog, 'pledges');
  let engine: TestEngine;

  beforeAll(async () => {
    startLibvirt();
    run('chmod', 'a+x', bench.folder);
    removeAtEnd(bench, NAME);
    definePool(bench, POOL);
    const image = bench.path('disk.img');
    run('dd', 'if=/dev/urandom', `of=${image}`, 'bs=1M', 'count=24', 'status=none');
    engine = await openEngineThread(catalog);
    bench.atEnd(() => engine.close());
    resultOf(await engine.capture(image, 'base'));
  });

  const params = {
    template: 'base',
    targets: [`libvirt:${NAME}`],
    identity: 'keep' as const,
    vm: { pool: POOL, overTemplate: 'linked' as const, networks: [] },
  };
  const remove = () => engine.client.call('template.delete', { template: 'base' });
  const untilWrittenDown = async () => {
    while (!existsSync(pledges) || !readdirSync(pledges).some((name) => name.endsWith('.json'))) await sleep(5);
  };

  test('is not deleted by another process from the beginning on, and may be when the maker was killed', async () => {
    const maker = otherProcess(catalog, ['deploy.planAll', params]);
    await maker.said('job');
    await untilWrittenDown();
    maker.child.kill('SIGSTOP');
    expect(await refusal(remove())).toMatchObject({
      code: 'TEMPLATE_IN_USE',
      data: { template: 'base', machines: `libvirt:${NAME}` },
    });
    maker.child.kill('SIGKILL');
    await maker.gone;
    await remove();
    await engine.client.call('template.undelete', { template: 'base' });
    await engine.close();
    engine = await openEngineThread(catalog);
    expect(await engine.client.call('pledge.list', {})).toEqual([]);
    expect(readdirSync(pledges)).toEqual([]);
  });

  test('is set free where the job is cancelled, and is named where it was deleted before the job', async () => {
    const plan = async () => {
      const [{ planId }] = await engine.client.call('deploy.planAll', params);
      return { starts: [{ planId }] };
    };
    const { jobId } = await engine.client.call('deploy.startAll', await plan());
    await untilWrittenDown();
    expect(await refusal(remove())).toMatchObject({ code: 'TEMPLATE_IN_USE' });
    await engine.client.call('job.cancel', { jobId });
    expect(await engine.ended(jobId)).toMatchObject({ outcome: 'aborted' });
    expect(readdirSync(pledges)).toEqual([]);
    const late = await plan();
    const { planId } = await engine.client.call('deploy.plan', { template: 'base', target: bench.path('copy.img') });
    await remove();
    for (const start of [
      await engine.client.call('deploy.startAll', late),
      await engine.client.call('deploy.start', { planId }),
    ]) {
      expect((await engine.ended(start.jobId)).error).toMatchObject({
        code: 'TEMPLATE_NOT_FOUND',
        data: { template: 'base@1' },
      });
    }
    await engine.client.call('template.undelete', { template: 'base' });
  });

  test('is needed by the machine once that is made', async () => {
    const [{ planId }] = await engine.client.call('deploy.planAll', params);
    resultOf(await engine.ended((await engine.client.call('deploy.startAll', { starts: [{ planId }] })).jobId));
    expect(readdirSync(pledges)).toHaveLength(1);
    expect(await refusal(remove())).toMatchObject({ code: 'TEMPLATE_IN_USE' });
    const [{ id }] = await engine.client.call('vm.served', {});
    resultOf(await engine.ended((await engine.client.call('vm.stream', { id })).jobId));
    await exec('virsh', ['-q', '-c', 'qemu:///system', 'undefine', `--domain=${NAME}`]);
    const { planId: late } = await engine.client.call('deploy.plan', {
      template: 'base',
      target: bench.path('late.img'),
    });
    await remove();
    resultOf(await engine.prune());
    const { jobId } = await engine.client.call('deploy.start', { planId: late });
    expect((await engine.ended(jobId)).error).toMatchObject({ data: { template: 'base@1' } });
  });
});
