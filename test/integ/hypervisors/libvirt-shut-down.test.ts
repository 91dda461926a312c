/** Machines of a real libvirt that run: shut down for their capture with consent, and started again whatever comes of it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, truncateSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { obedientDisk, silentDisk } from '../../support/boot-sectors.ts';
import { openEngineThread, refusal, resultOf, type TestEngine } from '../../support/engine.ts';
import { defineMachine, startLibvirt, virsh } from '../../support/libvirt.ts';
import { canLoop, MIB, run, workbench } from '../../support/workbench.ts';

const ACPI = '<features><acpi/></features>';
const PROCESS = new URL('../../support/engine-process.ts', import.meta.url).pathname;

describe.skipIf(!canLoop)('a machine that runs', () => {
  const bench = workbench();
  const catalog = bench.path('catalog');
  let engine: TestEngine;
  let count = 0;

  beforeAll(async () => {
    startLibvirt();
    run('chmod', 'a+x', bench.folder);
    engine = await openEngineThread(catalog);
    bench.atEnd(() => engine.close());
  });

  const stateOf = (name: string) => virsh('domstate', `--domain=${name}`).trim();
  /** Its guest's own count: of its starts, and of how often it shut down by itself. */
  const counts = (path: string) => [...readFileSync(path).subarray(512, 514)];
  const until = async (isSo: () => boolean) => {
    while (!isSo()) await sleep(100);
  };
  const owed = () => readdirSync(join(catalog, 'pledges'));
  /** What the log has of a machine, the oldest first. */
  const logged = async ({ client }: TestEngine, place: string) =>
    (await client.call('log.list', { limit: 100 }))
      .filter(({ action, subject }) => subject === place && !action.startsWith('job.'))
      .map(({ action }) => action)
      .reverse();
  const consent = (withinSeconds = 60) => ({ shutDown: { withinSeconds } });

  /** @param make its disk @returns its place, name and disk, when its guest is up */
  async function machine(make: (path: string) => string) {
    const name = `diskpress-power-${++count}`;
    const disk = make(bench.path(`${name}.img`));
    const xml = `<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='${disk}'/><target dev='vda' bus='virtio'/></disk>`;
    defineMachine(bench, name, `${xml}<graphics type='vnc' passwd='secret-7'/>`, undefined, ACPI);
    virsh('start', `--domain=${name}`);
    if (make === silentDisk) await sleep(500);
    else await until(() => counts(disk)[0] === 1);
    return { name, disk, place: `libvirt:${name}` };
  }
  const obedient = (path: string) => obedientDisk(path);
  const slow = (path: string) => obedientDisk(path, 36);

  const started = async (place: string, name: string, more = {}) => {
    const { planId } = await engine.client.call('capture.plan', { source: place, name, ...consent(), ...more });
    return (await engine.client.call('capture.start', { planId })).jobId;
  };

  test('is shut down by its guest, captured, and started again', async () => {
    const { name, disk, place } = await machine(obedient);
    const plan = await engine.client.call('capture.plan', { source: place, name, ...consent(45) });
    expect(plan).toMatchObject({ canRun: true });
    expect(plan.checks).toContainEqual({
      code: 'VM_WILL_BE_SHUT_DOWN',
      level: 'warn',
      data: { place, seconds: 45 },
    });
    const job = await engine.ended((await engine.client.call('capture.start', { planId: plan.planId })).jobId);
    resultOf(job);
    expect(job.phases.map(({ phase }) => phase)).toContain('shutting-down');
    expect(stateOf(name)).toBe('running');
    await until(() => counts(disk)[0] === 2);

    // as it was between the two
    const target = bench.path('captured.img');
    resultOf(await engine.deploy(name, target, { exact: true }));
    expect(counts(target)).toEqual([1, 1]);
    expect(owed()).toEqual([]);
    expect(await logged(engine, place)).toEqual(['vm.stopped', 'vm.started']);

    // its hardware is kept with it, and the definition without the password
    const { versions } = await engine.client.call('template.show', { template: name });
    const [{ definition, attachments }] = versions;
    expect(definition).toMatchObject({
      ...{ name, hypervisor: 'libvirt', memoryBytes: 128 * MIB, firmware: 'bios', architecture: 'x86_64' },
      processors: { count: 2 },
      disks: [{ kind: 'disk', disk: 1, name: 'vda', bus: 'virtio', format: 'raw' }],
      screens: ['vnc'],
      features: ['acpi'],
    });
    expect(attachments).toMatchObject([{ name: 'libvirt.xml', mediaType: 'application/xml' }]);
    const kept = await engine.client.call('template.attachment', { template: name, id: attachments[0].id });
    const xml = Buffer.from(kept.base64, 'base64').toString();
    expect(xml).not.toContain('secret-7');
    expect(xml).toContain(`<name>${name}</name>`);
  });

  test('is not touched without consent, nor one that is paused, nor one whose memory is kept; one that is off stays so', async () => {
    const { name, disk, place } = await machine(obedient);
    const plan = (more = {}) => engine.client.call('capture.plan', { source: place, name, ...more });
    expect(await refusal(plan())).toMatchObject({ code: 'VM_NOT_OFF', data: { state: 'running' } });
    virsh('suspend', `--domain=${name}`);
    expect(await refusal(plan(consent()))).toMatchObject({ code: 'VM_NOT_OFF', data: { state: 'paused' } });
    expect(stateOf(name)).toBe('paused');
    virsh('resume', `--domain=${name}`);
    virsh('managedsave', `--domain=${name}`);
    expect(await refusal(plan(consent()))).toMatchObject({ code: 'VM_NOT_OFF', data: { state: 'saved' } });
    virsh('managedsave-remove', `--domain=${name}`);
    resultOf(await engine.capture(place, name, consent()));
    expect([stateOf(name), counts(disk)]).toEqual(['shut off', [1, 0]]);
  });

  test('is started again where its capture fails', async () => {
    const { name, disk, place } = await machine(obedient);
    const { planId } = await engine.client.call('capture.plan', { source: place, name, ...consent() });
    truncateSync(disk, 2 * MIB);
    const job = await engine.ended((await engine.client.call('capture.start', { planId })).jobId);
    expect(job).toMatchObject({ outcome: 'failed', error: { code: 'DEVICE_CHANGED' } });
    expect(stateOf(name)).toBe('running');
    await until(() => counts(disk)[0] === 2);
    expect(counts(disk)).toEqual([2, 1]);
    expect(owed()).toEqual([]);
    expect(await logged(engine, place)).toEqual(['vm.stopped', 'vm.started']);
  });

  test('is started again where its capture is cancelled while it is read, which the log has', async () => {
    const { name, disk, place } = await machine((path) => {
      obedientDisk(path);
      run('dd', 'if=/dev/urandom', `of=${path}`, 'bs=1M', 'seek=1', 'count=48', 'status=none');
      return path;
    });
    const jobId = await started(place, name, { level: 19 });
    await engine.reached(jobId, 'capturing');
    await engine.client.call('job.cancel', { jobId });
    expect(await engine.ended(jobId)).toMatchObject({ outcome: 'aborted' });
    await until(() => counts(disk)[0] === 2);
    expect(await logged(engine, place)).toEqual(['vm.stopped', 'vm.started']);
  });

  test('is started again where its capture is cancelled while it shuts down', async () => {
    const { name, disk, place } = await machine(slow);
    const jobId = await started(place, name);
    await engine.reached(jobId, 'shutting-down');
    await until(() => virsh('domstate', '--reason', `--domain=${name}`).includes('running'));
    // the button was pressed by then, or is never
    await sleep(300);
    await engine.client.call('job.cancel', { jobId });
    expect(await engine.ended(jobId)).toMatchObject({ outcome: 'aborted' });
    await until(() => counts(disk)[0] === 2);
    expect([stateOf(name), counts(disk)]).toEqual(['running', [2, 1]]);
    expect(await logged(engine, place)).toEqual(['vm.stopped', 'vm.started']);
    expect(await refusal(engine.client.call('template.show', { template: name }))).toMatchObject({
      code: 'TEMPLATE_NOT_FOUND',
    });
  });

  test('that does not listen is left as it is, and nothing is captured', async () => {
    const { name, place } = await machine(silentDisk);
    const before = virsh('domid', `--domain=${name}`);
    const job = await engine.ended(await started(place, name, consent(1)));
    expect(job).toMatchObject({
      outcome: 'failed',
      error: { code: 'VM_WILL_NOT_SHUT_DOWN', data: { place, seconds: 1, cameOff: false } },
    });
    // the same process as before
    expect([stateOf(name), virsh('domid', `--domain=${name}`)]).toEqual(['running', before]);
    expect(owed()).toEqual([]);
    expect(await logged(engine, place)).toEqual([]);
  });

  test('is started again by the next engine, where this one is killed while the guest shuts down', async () => {
    const { name, disk, place } = await machine(slow);
    const own = bench.path('killed');
    const command = JSON.stringify(['capture.plan', { source: place, name, ...consent() }]);
    const child = spawn(process.execPath, [PROCESS, own, command], { stdio: ['ignore', 'pipe', 'inherit'] });
    for await (const line of child.stdout) if (String(line).includes('shutting-down')) break;
    await until(() => readdirSync(join(own, 'pledges')).length === 1);
    // it is asked in between
    await sleep(500);
    child.kill('SIGKILL');
    await once(child, 'exit');
    const next = await openEngineThread(own);
    expect(await next.client.call('pledge.list', {})).toEqual([]);
    await until(() => counts(disk)[0] === 2);
    expect([stateOf(name), counts(disk)]).toEqual(['running', [2, 1]]);
    expect(await logged(next, place)).toEqual(['pledge.kept']);
    await next.close();
  });

  test('is no template where somebody starts it while it is read', async () => {
    const { name, disk, place } = await machine(obedient);
    virsh('destroy', `--domain=${name}`);
    run('dd', 'if=/dev/urandom', `of=${disk}`, 'bs=1M', 'seek=1', 'count=48', 'status=none');
    const { planId } = await engine.client.call('capture.plan', { source: place, name, level: 19 });
    const { jobId } = await engine.client.call('capture.start', { planId });
    await engine.reached(jobId, 'capturing');
    virsh('start', `--domain=${name}`);
    const job = await engine.ended(jobId);
    expect(job.outcome).toBe('failed');
    expect(['VM_STARTED_MEANWHILE', 'SOURCE_CHANGED']).toContain(job.error?.code);
    expect(stateOf(name)).toBe('running');
  });

  test('that its hypervisor forgets when it is off is not shut down', async () => {
    const { name, disk, place } = await machine(obedient);
    virsh('undefine', `--domain=${name}`);
    const job = await engine.ended(await started(place, name));
    expect(job).toMatchObject({ outcome: 'failed', error: { code: 'VM_TRANSIENT' } });
    expect([stateOf(name), counts(disk)]).toEqual(['running', [1, 0]]);
  });

  test('is started and shut down by a command each, which the log has', async () => {
    const { name, disk, place } = await machine(obedient);
    const { client } = engine;
    expect(await client.call('vm.stop', { place, withinSeconds: 60 })).toMatchObject({ state: 'off' });
    expect(counts(disk)).toEqual([1, 1]);
    expect(await client.call('vm.stop', { place })).toMatchObject({ state: 'off' });
    expect(await client.call('vm.start', { place })).toMatchObject({ state: 'running' });
    await until(() => counts(disk)[0] === 2);
    expect(await client.call('vm.start', { place })).toMatchObject({ state: 'running' });
    expect(await refusal(client.call('vm.stop', { place, hard: true }))).toMatchObject({ code: 'VM_CUT_CONFIRM' });
    expect(await refusal(client.call('vm.stop', { place, hard: true, confirm: 'other' }))).toMatchObject({
      code: 'VM_CUT_CONFIRM',
    });
    expect(await client.call('vm.stop', { place, hard: true, confirm: name })).toMatchObject({ state: 'off' });
    expect(counts(disk)).toEqual([2, 1]);
    const log = await client.call('log.list', { limit: 3 });
    expect(log.map(({ action, subject }) => [action, subject])).toEqual([
      ['vm.cut', place],
      ['vm.started', place],
      ['vm.stopped', place],
    ]);
    const deaf = await machine(silentDisk);
    expect(await refusal(client.call('vm.stop', { place: deaf.place, withinSeconds: 1 }))).toMatchObject({
      code: 'VM_WILL_NOT_SHUT_DOWN',
    });
    expect(stateOf(deaf.name)).toBe('running');
  });
});
