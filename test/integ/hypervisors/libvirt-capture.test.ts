/** A machine of a real libvirt is captured with all its disks; qemu-img says what is on them. */
import { beforeAll, describe, expect, test } from 'vitest';
import { openEngineThread, refusal, resultOf, type TestEngine } from '../../support/engine.ts';
import { sha256 } from '../../support/judges.ts';
import { defineMachine, startLibvirt, UEFI, virsh } from '../../support/libvirt.ts';
import { canLoop, MIB, run, workbench } from '../../support/workbench.ts';

const PLACE = 'libvirt:diskpress-captured';

describe.skipIf(!canLoop)('a machine of libvirt', () => {
  const bench = workbench();
  const system = bench.path('system.qcow2');
  const data = bench.path('data.img');
  let engine: TestEngine;

  const diskXml = (path: string, format: string, name: string, bus: string) =>
    `<disk type='file' device='disk'><driver name='qemu' type='${format}'/><source file='${path}'/><target dev='${name}' bus='${bus}'/></disk>`;

  beforeAll(async () => {
    startLibvirt();
    run('chmod', 'a+x', bench.folder);
    engine = await openEngineThread(bench.path('catalog'));
    bench.atEnd(() => engine.close());
    run('qemu-img', 'create', '-q', '-f', 'qcow2', system, '24M');
    run('qemu-io', '-f', 'qcow2', '-c', 'write -P 7 1M 2M', system);
    // what a guest wrote to the start of its raw disk looks like an image that names a file of the host
    run('qemu-img', 'create', '-q', '-f', 'qcow2', '-u', '-b', '/etc/shadow', '-F', 'raw', data, '16M');
    run('truncate', '-s', '12M', data);
    const devices = [
      diskXml(system, 'qcow2', 'vda', 'virtio'),
      diskXml(data, 'raw', 'sda', 'scsi'),
      "<disk type='file' device='cdrom'><target dev='sdb' bus='sata'/></disk>",
      "<interface type='user'><mac address='52:54:00:00:00:07'/></interface>",
      "<graphics type='vnc' passwd='secret-7'/>",
    ];
    defineMachine(bench, 'diskpress-captured', devices.join(''), UEFI);
  });

  const plan = (source: string, others: string[] = []) =>
    engine.client.call('capture.plan', { source, others, name: 'machine' });

  test('is captured with all its disks, each in the format that its definition says', async () => {
    resultOf(await engine.capture(PLACE, 'machine'));
    const { versions, visibility } = await engine.client.call('template.show', { template: 'machine' });
    expect(visibility).toBe('private');
    expect(versions[0].disks.map(({ bus, source, capacityBytes }) => [bus, source.path, capacityBytes])).toEqual([
      ['virtio', system, 24 * MIB],
      ['scsi', data, 12 * MIB],
    ]);
    const targets = [bench.path('1.img'), bench.path('2.img')];
    for (const [i, target] of targets.entries()) {
      const params = { template: 'machine', target, disk: i + 1, exact: true };
      const { planId } = await engine.client.call('deploy.plan', params);
      resultOf(await engine.ended((await engine.client.call('deploy.start', { planId })).jobId));
    }
    run('qemu-img', 'compare', '-f', 'raw', '-F', 'qcow2', targets[0], system);
    expect(await sha256(targets[1])).toBe(await sha256(data));
  });

  test('has its hardware recorded, and no password', async () => {
    const { versions } = await engine.client.call('template.show', { template: 'machine' });
    expect(versions[0]).toMatchObject({
      platform: 'virtual',
      configuration: { cpus: 2, memoryBytes: 128 * MIB, bootMode: 'uefi', networks: ['user'] },
      machine: { name: 'diskpress-captured', isVirtual: true, firmware: 'uefi', maker: 'libvirt' },
    });
    expect(JSON.stringify(versions)).not.toContain('secret-7');
  });

  test('is not captured while it runs', async () => {
    virsh('start', '--domain=diskpress-captured');
    expect(await refusal(plan(PLACE))).toMatchObject({ code: 'VM_NOT_OFF', data: { place: PLACE, state: 'running' } });
    virsh('destroy', '--domain=diskpress-captured');
    expect((await plan(PLACE)).disks).toHaveLength(2);
  });

  test('that was started, or got another disk, after the plan is refused', async () => {
    const { planId } = await plan(PLACE);
    virsh('start', '--domain=diskpress-captured');
    const job = await engine.ended((await engine.client.call('capture.start', { planId })).jobId);
    expect(job).toMatchObject({ outcome: 'failed', error: { code: 'VM_NOT_OFF' } });
    virsh('destroy', '--domain=diskpress-captured');

    const again = await plan(PLACE);
    run('cp', data, bench.path('other.img'));
    virsh('detach-disk', '--domain=diskpress-captured', '--target=sda', '--config');
    virsh(
      'attach-disk',
      '--domain=diskpress-captured',
      `--source=${bench.path('other.img')}`,
      '--target=sda',
      '--targetbus=scsi',
      '--subdriver=raw',
      '--config',
    );
    const other = await engine.ended((await engine.client.call('capture.start', { planId: again.planId })).jobId);
    expect(other).toMatchObject({ outcome: 'failed', error: { code: 'DEVICE_CHANGED' } });
    const { versions } = await engine.client.call('template.show', { template: 'machine' });
    expect(versions).toHaveLength(1);
  });

  test('leaves out the disks that were named, and never the one that it starts from', async () => {
    const params = { source: PLACE, name: 'system alone' };
    const alone = await engine.client.call('capture.plan', { ...params, without: ['sda'] });
    expect(alone.disks.map(({ source }) => source.path)).toEqual([system]);
    resultOf(await engine.ended((await engine.client.call('capture.start', { planId: alone.planId })).jobId));
    const { versions } = await engine.client.call('template.show', { template: 'system alone' });
    const numbers = versions[0].definition!.disks.map(({ name, disk }) => [name, disk] as const);
    expect(Object.fromEntries(numbers)).toEqual({ vda: 1, sda: null, sdb: null });
    expect(await refusal(engine.client.call('capture.plan', { ...params, without: ['vda'] }))).toMatchObject({
      code: 'VM_BOOT_DISK_NEEDED',
      data: { name: 'vda' },
    });
    expect(await refusal(engine.client.call('capture.plan', { ...params, without: ['vdz'] }))).toMatchObject({
      code: 'VM_NO_SUCH_DISK',
    });
  });

  test('is not named beside other disks, and needs disks that can be reached', async () => {
    expect(await refusal(plan(PLACE, [data]))).toMatchObject({ code: 'BAD_REQUEST' });
    expect(await refusal(plan(data, [PLACE]))).toMatchObject({ code: 'BAD_REQUEST' });
    defineMachine(bench, 'diskpress-empty', "<disk type='file' device='cdrom'><target dev='sda' bus='ide'/></disk>");
    expect(await refusal(plan('libvirt:diskpress-empty'))).toMatchObject({ code: 'VM_WITHOUT_DISKS' });
    defineMachine(
      bench,
      'diskpress-far',
      "<disk type='network' device='disk'><driver name='qemu' type='raw'/><source protocol='nbd' name='x'><host name='127.0.0.1' port='9'/></source><target dev='vda' bus='virtio'/></disk>",
    );
    expect(await refusal(plan('libvirt:diskpress-far'))).toMatchObject({
      code: 'VM_DISK_ELSEWHERE',
      data: { name: 'vda' },
    });
    run('mkfifo', bench.path('fifo'));
    defineMachine(bench, 'diskpress-fifo', diskXml(bench.path('fifo'), 'raw', 'vda', 'virtio'));
    expect(await refusal(plan('libvirt:diskpress-fifo'))).toMatchObject({
      code: 'VM_DISK_NONE',
      data: { name: 'vda', path: bench.path('fifo') },
    });
    defineMachine(bench, 'diskpress-gone', diskXml(bench.path('gone.img'), 'raw', 'vda', 'virtio'));
    expect(await refusal(plan('libvirt:diskpress-gone'))).toMatchObject({ code: 'SOURCE_NOT_FOUND' });
  });
});
