/** Machines of a real libvirt, as they are told. */
import { beforeAll, describe, expect, test } from 'vitest';
import { openEngineThread, refusal, type TestEngine } from '../../support/engine.ts';
import { defineMachine, startLibvirt, UEFI, virsh } from '../../support/libvirt.ts';
import { canLoop, MIB, run, workbench } from '../../support/workbench.ts';

/** Numbers are ids to virsh, and what begins with a dash is an option. */
const NAMES = ['4711', '--help', `it's "q" & <é>`];

describe.skipIf(!canLoop)('machines of libvirt', () => {
  const bench = workbench();
  let engine: TestEngine;

  beforeAll(async () => {
    startLibvirt();
    // its machines run as another user
    run('chmod', 'a+x', bench.folder);
    engine = await openEngineThread(bench.path('catalog'));
    bench.atEnd(() => engine.close());
    for (const name of NAMES) defineMachine(bench, name, '');
    const [image, disk] = [bench.path('a.qcow2'), bench.file('b.img', MIB)];
    run('qemu-img', 'create', '-q', '-f', 'qcow2', image, '8M');
    const devices = [
      `<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='${image}'/><target dev='vda' bus='virtio'/></disk>`,
      `<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='${disk}'/><target dev='sdb' bus='sata'/><serial>S1</serial></disk>`,
      "<disk type='file' device='cdrom'><target dev='sdc' bus='sata'/></disk>",
      "<interface type='user'><mac address='52:54:00:12:34:56'/><model type='e1000'/></interface>",
    ];
    defineMachine(bench, 'diskpress-two', devices.join(''), UEFI);
  });

  const names = async () => (await engine.client.call('vm.list', {}))[0].machines.map(({ name }) => name);

  test('are all there, whatever they are called, and each is found by its name', async () => {
    expect(await names()).toEqual(expect.arrayContaining([...NAMES, 'diskpress-two']));
    for (const name of NAMES)
      expect(await engine.client.call('vm.show', { place: `libvirt:${name}` })).toMatchObject({ name, state: 'off' });
  });

  test('are found by their UUIDs where their names cannot be written as places', async () => {
    const odd = ['diskpress\ttab', 'diskpress-blank', ' diskpress-blank'];
    for (const name of odd) defineMachine(bench, name, '');
    const listed = (await engine.client.call('vm.list', {}))[0].machines;
    for (const name of odd) {
      const id = virsh('domuuid', `--domain=${name}`).trim();
      const place = `libvirt:${id}`;
      expect(listed.find((machine) => machine.id === id)).toMatchObject({ place, state: 'off' });
      virsh('start', `--domain=${id}`);
      expect(await engine.client.call('vm.show', { place })).toMatchObject({ id, place, state: 'running' });
      virsh('destroy', `--domain=${id}`);
    }
  });

  test('have the hardware that was defined', async () => {
    const machine = await engine.client.call('vm.show', { place: 'libvirt:diskpress-two' });
    expect(machine).toMatchObject({
      place: 'libvirt:diskpress-two',
      state: 'off',
      processors: 2,
      memoryBytes: 128 * MIB,
      firmware: 'uefi',
      hasSecureBoot: false,
      disks: [
        { name: 'vda', bus: 'virtio', placed: 'file', path: bench.path('a.qcow2'), format: 'qcow2', isOptical: false },
        { name: 'sdb', bus: 'sata', placed: 'file', path: bench.path('b.img'), format: 'raw', serial: 'S1' },
        { name: 'sdc', bus: 'sata', placed: 'absent', path: null, isOptical: true },
      ],
      networks: [{ mac: '52:54:00:12:34:56', model: 'e1000', to: 'user' }],
    });
    expect(machine.id).toBe(virsh('domuuid', '--domain=diskpress-two').trim());
  });

  test('tell their state and snapshots', async () => {
    const image = bench.path('on.qcow2');
    run('qemu-img', 'create', '-q', '-f', 'qcow2', image, '8M');
    defineMachine(
      bench,
      'diskpress-on',
      `<disk type='file'><driver name='qemu' type='qcow2'/><source file='${image}'/><target dev='vda'/></disk>`,
    );
    virsh('start', '--domain=diskpress-on');
    const stateOf = async () => (await engine.client.call('vm.show', { place: 'libvirt:diskpress-on' })).state;
    expect(await stateOf()).toBe('running');
    virsh('suspend', '--domain=diskpress-on');
    expect(await stateOf()).toBe('paused');
    virsh('destroy', '--domain=diskpress-on');
    expect(await stateOf()).toBe('off');

    virsh('snapshot-create-as', '--domain=diskpress-on', 'before the update');
    const { snapshots } = await engine.client.call('vm.show', { place: 'libvirt:diskpress-on' });
    expect(snapshots).toEqual(['before the update']);
    virsh('snapshot-delete', '--domain=diskpress-on', '--snapshotname=before the update');
  });

  test('that are not there are told by their place', async () => {
    expect(await refusal(engine.client.call('vm.show', { place: 'libvirt:nobody' }))).toMatchObject({
      code: 'VM_NOT_FOUND',
      data: { place: 'libvirt:nobody' },
    });
    expect(await refusal(engine.client.call('vm.show', { place: 'nobody' }))).toMatchObject({ code: 'VM_NOT_FOUND' });
  });
});
