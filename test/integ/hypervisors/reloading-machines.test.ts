/** A machine of a real libvirt gets a new first disk from a template, and is the same machine in all else. */
import { readdirSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { openEngineThread, refusal, resultOf, type TestEngine } from '../../support/engine.ts';
import { defineMachine, startLibvirt, virsh } from '../../support/libvirt.ts';
import { canLoop, MIB, run, workbench } from '../../support/workbench.ts';

const NAME = 'making-reloaded';
const PLACE = `libvirt:${NAME}`;

describe.skipIf(!canLoop)('a machine is reloaded', () => {
  const bench = workbench();
  const template = bench.path('template.img');
  const system = bench.path('system.qcow2');
  const data = bench.path('data.qcow2');
  let engine: TestEngine;

  beforeAll(async () => {
    startLibvirt();
    run('chmod', 'a+x', bench.folder);
    run('sh', '-c', `head -c 3M /dev/urandom > ${template}`);
    run('qemu-img', 'create', '-q', '-f', 'qcow2', system, '8M');
    run('qemu-io', '-f', 'qcow2', '-c', 'write -P 9 0 4M', system);
    run('qemu-img', 'create', '-q', '-f', 'qcow2', data, '4M');
    const devices = [
      `<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='${system}'/><target dev='vda' bus='virtio'/></disk>`,
      `<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='${data}'/><target dev='vdb' bus='virtio'/></disk>`,
      "<interface type='user'><mac address='52:54:00:00:00:17'/></interface>",
    ];
    defineMachine(bench, NAME, devices.join(''));
    engine = await openEngineThread(bench.path('catalog'));
    bench.atEnd(() => engine.close());
    resultOf(await engine.capture(template, 'lab', { format: 'raw' }));
  });

  const plan = (more = {}) =>
    engine.client.call('deploy.planAll', { template: 'lab', targets: [PLACE], reload: true, ...more });
  const start = (planId: string, confirm?: string) =>
    engine.client.call('deploy.startAll', { starts: [{ planId, ...(confirm && { confirm }) }] });
  const definition = () => virsh('dumpxml', '--inactive', `--domain=${NAME}`);
  const expectReloaded = () => {
    run('qemu-img', 'check', '-q', '-f', 'qcow2', system);
    // as long as the disk was, since the hardware stays
    expect(JSON.parse(run('qemu-img', 'info', '--output=json', system))['virtual-size']).toBe(8 * MIB);
    run('qemu-img', 'compare', '-f', 'raw', '-F', 'qcow2', template, system);
  };
  const setStatus = (status: 'active' | 'deprecated' | 'disabled') =>
    engine.client.call('template.edit', { template: 'lab', status });

  test('only when its name was given; by then it holds the template, and its definition is what it was', async () => {
    const before = definition();
    const [{ planId, confirmWords, checks, needsOverwrite, vm }] = await plan();
    expect(confirmWords).toEqual([NAME, PLACE]);
    expect(vm).toMatchObject({ isReload: true, name: NAME, keptDisk: null });
    expect(checks.filter(({ level }) => level !== 'pass').map(({ code }) => code)).toContain('VM_DISK_ERASED');
    expect(needsOverwrite).toBe(true);
    expect(await refusal(start(planId))).toMatchObject({ code: 'CONFIRM_REQUIRED' });
    expect(await refusal(start(planId, 'another'))).toMatchObject({ code: 'CONFIRM_MISMATCH' });
    run('qemu-io', '-f', 'qcow2', '-c', 'read -P 9 0 4M', system);
    resultOf(await engine.ended((await start(planId, NAME)).jobId));
    expectReloaded();
    expect(definition()).toBe(before);
    const log = await engine.client.call('log.list', {});
    expect(log).toContainEqual(expect.objectContaining({ action: 'machine.reloaded', subject: PLACE }));
    expect(readdirSync(bench.folder).sort()).toEqual([
      'catalog',
      'data.qcow2',
      'domain.xml',
      'system.qcow2',
      'template.img',
    ]);
  });

  test('with the disk that a template of several starts from, where no other was named', async () => {
    const other = bench.file('other.img', MIB);
    const { planId } = await engine.client.call('capture.plan', { source: template, others: [other], name: 'two' });
    resultOf(await engine.ended((await engine.client.call('capture.start', { planId })).jobId));
    const { disks } = (await engine.client.call('template.show', { template: 'two' })).versions[0];
    const boot =
      Math.max(
        0,
        disks.findIndex(({ role }) => role === 'boot'),
      ) + 1;
    expect((await plan({ template: 'two' })).map(({ disk }) => disk)).toEqual([boot]);
    expect((await plan({ template: 'two', disk: 3 - boot })).map(({ disk }) => disk)).toEqual([3 - boot]);
    // the machine is told first
    expect(await refusal(plan({ template: 'two', targets: ['libvirt:notthere'] }))).toMatchObject({
      code: 'VM_NOT_FOUND',
    });
  });

  test('again of a template that is deprecated, since it is there; not of one that is disabled', async () => {
    await setStatus('deprecated');
    expect((await plan())[0].canRun).toBe(true);
    const elsewhere = await engine.client.call('deploy.plan', { template: 'lab', target: bench.path('new.img') });
    expect(elsewhere.canRun).toBe(false);
    await setStatus('disabled');
    expect((await plan())[0].canRun).toBe(false);
    await setStatus('active');
  });

  test('with its old disk kept under another name, where that is wanted', async () => {
    run('qemu-io', '-f', 'qcow2', '-c', 'write -P 5 0 4M', system);
    const [{ planId, vm }] = await plan({ keepOldDisk: true });
    const kept = vm?.keptDisk ?? '';
    expect(kept).toMatch(new RegExp(`^${system}\\.before-`));
    resultOf(await engine.ended((await start(planId, PLACE)).jobId));
    expectReloaded();
    run('qemu-io', '-f', 'qcow2', '-c', 'read -P 5 0 4M', kept);
    run('rm', kept);
  });

  test('not while it runs, nor when it was started after the plan: it keeps its disk', async () => {
    const [{ planId }] = await plan({ keepOldDisk: true });
    run('qemu-io', '-f', 'qcow2', '-c', 'write -P 6 0 4M', system);
    virsh('start', `--domain=${NAME}`);
    const blocks = (await plan())[0].checks.filter(({ level }) => level === 'block').map(({ code }) => code);
    expect(blocks).toContain('VM_RUNS');
    const refused = await start(planId, NAME).then(
      async ({ jobId }) => (await engine.ended(jobId)).error,
      (error: { view: unknown }) => error.view,
    );
    expect(refused).toMatchObject({ code: 'PLAN_BLOCKED' });
    virsh('destroy', `--domain=${NAME}`);
    run('qemu-io', '-f', 'qcow2', '-c', 'read -P 6 0 4M', system);
    expect(readdirSync(bench.folder).filter((name) => name.includes('before') || name.includes('partial'))).toEqual([]);
  });

  test('not with snapshots of the disk that goes, nor with other hardware', async () => {
    virsh('snapshot-create-as', `--domain=${NAME}`, 'first');
    const blocks = (await plan())[0].checks.filter(({ level }) => level === 'block');
    expect(blocks).toMatchObject([{ code: 'VM_HAS_SNAPSHOTS', data: { snapshots: ['first'] } }]);
    virsh('snapshot-delete', `--domain=${NAME}`, 'first');
    expect(await refusal(plan({ vm: { processors: 4 } }))).toMatchObject({ code: 'BAD_REQUEST' });
    const nobody = { template: 'lab', targets: ['libvirt:making-nobody'], reload: true };
    expect(await refusal(engine.client.call('deploy.planAll', nobody))).toMatchObject({ code: 'VM_NOT_FOUND' });
  });

  test('not where its first disk is a device, which it says', async () => {
    const device = run('losetup', '-f', '--show', bench.file('device.img', 4 * MIB)).trim();
    bench.atEnd(() => run('losetup', '-d', device));
    const name = `${NAME}-device`;
    defineMachine(
      bench,
      name,
      `<disk type='block' device='disk'><driver name='qemu' type='raw'/><source dev='${device}'/><target dev='vda' bus='virtio'/></disk>`,
    );
    expect(await refusal(plan({ targets: [`libvirt:${name}`] }))).toMatchObject({
      code: 'PLAN_BLOCKED',
      data: { check: 'VM_RELOAD_DEVICE', name, path: device },
    });
  });
});
