/** A libvirtd that goes away in the middle of a capture: its machines run on, and it knows them again when it is back. */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { obedientDisk } from '../../support/boot-sectors.ts';
import { openEngine, resultOf, type TestEngine } from '../../support/engine.ts';
import { defineOwn, startOwnLibvirt, type OwnLibvirt } from '../../support/own-libvirt.ts';
import { canLoop, run, workbench } from '../../support/workbench.ts';

describe.skipIf(!canLoop)('a libvirtd', () => {
  const bench = workbench();
  const catalog = bench.path('catalog');
  const before = process.env.LIBVIRT_DEFAULT_URI;
  let libvirt: OwnLibvirt;
  let engine: TestEngine;

  beforeAll(async () => {
    run('chmod', 'a+x', bench.folder);
    libvirt = await startOwnLibvirt(bench);
    process.env.LIBVIRT_DEFAULT_URI = libvirt.address;
    engine = await openEngine(catalog);
    bench.atEnd(() => engine.close());
  });
  afterAll(() => {
    if (before === undefined) delete process.env.LIBVIRT_DEFAULT_URI;
    else process.env.LIBVIRT_DEFAULT_URI = before;
  });

  const counts = (path: string) => [...readFileSync(path).subarray(512, 514)];
  const until = async (isSo: () => boolean) => {
    while (!isSo()) await sleep(100);
  };
  async function captureOf(name: string, ticks: number, more = {}) {
    const disk = obedientDisk(bench.path(`${name}.img`), ticks);
    run('dd', 'if=/dev/urandom', `of=${disk}`, 'bs=1M', 'seek=1', 'count=32', 'status=none');
    defineOwn(libvirt, bench, name, disk);
    libvirt.virsh('start', `--domain=${name}`);
    await until(() => counts(disk)[0] === 1);
    const shutDown = { withinSeconds: 120 };
    const { planId } = await engine.client.call('capture.plan', { source: `libvirt:${name}`, name, shutDown, ...more });
    return { disk, jobId: (await engine.client.call('capture.start', { planId })).jobId };
  }
  const stateOf = (name: string) => libvirt.virsh('domstate', `--domain=${name}`).trim();

  test('that is started anew while a guest shuts down is waited for, and the machine runs again', async () => {
    const { disk, jobId } = await captureOf('lab', 36);
    await engine.reached(jobId, 'shutting-down');
    await until(() => readdirSync(join(catalog, 'pledges')).length === 1);
    await sleep(500);
    await libvirt.stop();
    await sleep(1000);
    await libvirt.start();
    resultOf(await engine.ended(jobId));
    await until(() => counts(disk)[0] === 2);
    expect([stateOf('lab'), counts(disk)]).toEqual(['running', [2, 1]]);
    expect(readdirSync(join(catalog, 'pledges'))).toEqual([]);
  });

  test('that is gone when all has been read leaves no template, and the start of the machine owed', async () => {
    const { disk, jobId } = await captureOf('lost', 1, { level: 19 });
    await engine.reached(jobId, 'capturing');
    await libvirt.stop();
    const job = await engine.ended(jobId);
    expect(job).toMatchObject({ outcome: 'failed', error: { code: 'HYPERVISOR_UNREACHABLE' } });
    expect(job.warnings).toContainEqual(expect.objectContaining({ code: 'VM_NOT_STARTED_AGAIN' }));
    const [name] = readdirSync(join(catalog, 'pledges'));
    expect(JSON.parse(readFileSync(join(catalog, 'pledges', name), 'utf8').split('\n')[0])).toMatchObject({
      pledge: { kind: 'start-machine', place: 'libvirt:lost' },
    });
    await libvirt.start();
    expect([stateOf('lost'), counts(disk)]).toEqual(['shut off', [1, 1]]);
  });
});
