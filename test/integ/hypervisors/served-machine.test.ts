/** A machine whose disk lies over a served template: it goes on over the death of engines, and needs the catalog no more once it is brought in. */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmodSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { relayFolderOf } from '../../../src-engine/machines/qemu/disk-relay.ts';
import { commandLine, lastLine } from '../../support/command-line.ts';
import { openEngineThread, refusal, resultOf, type TestEngine } from '../../support/engine.ts';
import { defineMachine, startLibvirt, virsh } from '../../support/libvirt.ts';
import { canLoop, MIB, run, workbench } from '../../support/workbench.ts';

const exec = promisify(execFile);
const NAME = 'diskpress-served';
const SOURCES = new URL('../../../src-engine/', import.meta.url);

describe.skipIf(!canLoop)('a machine over a served template', () => {
  const bench = workbench();
  const catalog = bench.path('catalog');
  const image = bench.path('disk.img');
  const overlay = bench.path('overlay.qcow2');
  const relay = { id: '' };
  let engine: TestEngine;
  let machine: Record<string, unknown>;

  beforeAll(async () => {
    startLibvirt();
    run('chmod', 'a+x', bench.folder);
    run('dd', 'if=/dev/urandom', `of=${image}`, 'bs=1M', 'count=24', 'status=none');
    run('truncate', '-s', `${64 * MIB}`, image);
    engine = await openEngineThread(catalog);
    const { templateId } = resultOf(await engine.capture(image, 'base'));
    const params = { template: 'base', target: overlay, served: true };
    const { planId } = await engine.client.call('deploy.plan', params);
    resultOf(await engine.ended((await engine.client.call('deploy.start', { planId })).jobId));
    chmodSync(overlay, 0o666);
    relay.id = planId;
    bench.atEnd(() => run('rm', '-rf', relayFolderOf(planId)));
    defineMachine(
      bench,
      NAME,
      `<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='${overlay}'/><target dev='vda' bus='virtio'/></disk>`,
    );
    machine = {
      kind: 'serve-machine',
      place: `libvirt:${NAME}`,
      id: virsh('domuuid', `--domain=${NAME}`).trim(),
      isLinked: true,
      disks: [
        { relay: planId, templateId, versionNumber: 1, disk: 1, name: 'vda', path: overlay, lengthBytes: 64 * MIB },
      ],
    };
    await engine.close();
  });

  /** As an engine does that dies afterwards. */
  const giveAndDie = (pledge: object) =>
    run(
      process.execPath,
      '--input-type=module',
      '--eval',
      `import { PledgeBook } from '${new URL('jobs/pledge-book.ts', SOURCES).href}';
       import { storeLayout } from '${new URL('store/store-layout.ts', SOURCES).href}';
       await new PledgeBook(storeLayout('${catalog}'), { own: () => '', isHeld: () => true }).give(${JSON.stringify(pledge)});`,
    );
  const cli = commandLine(catalog);
  const state = () => virsh('domstate', `--domain=${NAME}`).trim();
  /** What its disk reads as. */
  const isSame = async () => {
    const whole = bench.path(`${randomUUID()}.img`);
    await exec('qemu-img', ['convert', '-U', '-O', 'raw', overlay, whole], { timeout: 60_000 });
    return readFileSync(whole).equals(readFileSync(image));
  };

  test('is not started by a process that would end while nobody serves it: hypervisors are not asked', async () => {
    giveAndDie(machine);
    const { code, err } = await cli('vm', 'start', `libvirt:${NAME}`);
    expect(code).toBe(6);
    expect(err).toContain(`The disks of libvirt:${NAME} lie over the template “base”`);
    expect(err).toContain('VM_NOT_SERVED');
    expect(state()).toBe('shut off');
  });

  test('is started by it while another process serves it, and by one that stays, which serves it first', async () => {
    engine = await openEngineThread(catalog, { stays: true });
    await engine.client.call('vm.served', {});
    expect(await cli('vm', 'start', `libvirt:${NAME}`)).toMatchObject({ code: 0 });
    expect(state()).toBe('running');
    virsh('destroy', `--domain=${NAME}`);
    await engine.client.call('vm.served', {}).then(([{ id }]) => rmSync(join(catalog, 'pledges', `${id}.json`)));
    await engine.close();
    engine = await openEngineThread(catalog, { stays: true });
    expect(await engine.client.call('vm.served', {})).toEqual([]);
    giveAndDie(machine);
    expect(await engine.client.call('vm.start', { place: `libvirt:${NAME}` })).toMatchObject({ state: 'running' });
    expect(await isSame()).toBe(true);
    virsh('destroy', `--domain=${NAME}`);
    await engine.close();
  });

  test('is served by the next engine that stays, starts, and keeps its template from being deleted', async () => {
    engine = await openEngineThread(catalog, { stays: true });
    expect(await engine.client.call('vm.served', {})).toMatchObject([
      {
        ...{ place: `libvirt:${NAME}`, templateName: 'base', isLinked: true },
        ...{ isServed: true, servedBy: null, jobId: null, error: null },
      },
    ]);
    expect(await engine.client.call('pledge.list', {})).toEqual([]);
    virsh('start', `--domain=${NAME}`);
    expect(state()).toBe('running');
    expect(await isSame()).toBe(true);
    expect(await refusal(engine.client.call('template.delete', { template: 'base' }))).toMatchObject({
      code: 'TEMPLATE_IN_USE',
      data: { machines: `libvirt:${NAME}` },
    });
  });

  test('is told to others as served, and by which process', async () => {
    expect(lastLine(await cli('vm', 'served', '--json'))).toMatchObject({
      value: [{ place: `libvirt:${NAME}`, isServed: false, servedBy: process.pid }],
    });
    expect((await cli('vm', 'served')).out).toContain(`served by another Diskpress (process ${process.pid})`);
  });

  test('is not brought in by another process while it is served', async () => {
    const { code, err } = await cli('vm', 'stream', `libvirt:${NAME}`);
    expect(code).toBe(6);
    expect(err).toContain(`The machine libvirt:${NAME} is served by another Diskpress (process ${process.pid}).`);
    expect(err).toContain('VM_SERVED_ELSEWHERE');
  });

  test('waits while no engine is there, and goes on with the next', async () => {
    await engine.close();
    const reading = exec('qemu-img', ['convert', '-U', '-O', 'raw', overlay, bench.path('late.img')], {
      timeout: 60_000,
    });
    expect(await Promise.race([reading.then(() => 'done'), sleep(700, 'waits')])).toBe('waits');
    expect(state()).toBe('running');
    expect((await cli('vm', 'served')).out).toContain('waits: no Diskpress serves it');
    engine = await openEngineThread(catalog, { stays: true });
    await engine.client.call('vm.served', {});
    await reading;
    expect(readFileSync(bench.path('late.img')).equals(readFileSync(image))).toBe(true);
  });

  test('goes on with an engine that was open already, and with one of several', async () => {
    const others = [await openEngineThread(catalog, { stays: true }), await openEngineThread(catalog, { stays: true })];
    await engine.close();
    const served = async () => (await Promise.all(others.map((one) => one.client.call('vm.served', {})))).flat();
    while ((await served()).every(({ isServed }) => !isServed)) await sleep(100);
    expect(await isSame()).toBe(true);
    expect((await served()).map(({ isServed }) => isServed).sort()).toEqual([false, true]);
    for (const one of others) await one.close();
    engine = await openEngineThread(catalog, { stays: true });
  });

  test('is not shut down for a capture, which could not read what lies below its disks', async () => {
    const asked = { source: `libvirt:${NAME}`, name: 'of it', shutDown: { withinSeconds: 5 } };
    expect(await refusal(engine.client.call('capture.plan', asked))).toMatchObject({ code: 'FORMAT_UNSUPPORTED' });
    expect(state()).toBe('running');
    expect(await engine.client.call('pledge.list', {})).toEqual([]);
  });

  test('is brought in while it is off, too', async () => {
    virsh('destroy', `--domain=${NAME}`);
    const copy = bench.path('kept.qcow2');
    run('cp', overlay, copy);
    const [{ id }] = await engine.client.call('vm.served', {});
    resultOf(await engine.ended((await engine.client.call('vm.stream', { id })).jobId));
    run('qemu-img', 'compare', '-f', 'raw', '-F', 'qcow2', image, overlay);
    expect(run('qemu-img', 'info', overlay)).not.toContain('backing');
    // as it was, for what follows
    run('cp', copy, overlay);
    await engine.close();
    giveAndDie(machine);
    engine = await openEngineThread(catalog, { stays: true });
    await engine.client.call('vm.served', {});
    virsh('start', `--domain=${NAME}`);
  });

  test('is brought in while it runs: it needs nothing of the catalog, and the template may be deleted', async () => {
    const [{ id }] = await engine.client.call('vm.served', {});
    const { jobId } = await engine.client.call('vm.stream', { id });
    expect(resultOf(await engine.ended(jobId))).toMatchObject({ processedBytes: 64 * MIB });
    expect(await engine.client.call('vm.served', {})).toEqual([]);
    expect(run('qemu-img', 'info', '-U', overlay)).not.toContain('backing');
    expect(() => run('ls', relayFolderOf(relay.id))).toThrow();
    expect(state()).toBe('running');
    virsh('destroy', `--domain=${NAME}`);
    run('qemu-img', 'compare', '-f', 'raw', '-F', 'qcow2', image, overlay);
    virsh('start', `--domain=${NAME}`);
    virsh('destroy', `--domain=${NAME}`);
    giveAndDie({ ...machine, disks: [{ ...(machine.disks as object[])[0], path: bench.path('removed.qcow2') }] });
    expect(await engine.client.call('vm.served', {})).toEqual([]);
    await engine.client.call('template.delete', { template: 'base' });
    await engine.close();
  });
});
