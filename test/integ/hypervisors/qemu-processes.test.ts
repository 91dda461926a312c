/** Machines of QEMU alone: real ones, which do nothing but hold their disks. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { openEngineThread, refusal, type TestEngine } from '../../support/engine.ts';
import { defineMachine, startLibvirt, virsh } from '../../support/libvirt.ts';
import { canLoop, MIB, run, workbench } from '../../support/workbench.ts';

describe.skipIf(!canLoop)('a machine of QEMU alone', () => {
  const bench = workbench();
  const disk = bench.path('a,b.qcow2');
  let engine: TestEngine;
  let qemu: ChildProcess;

  beforeAll(async () => {
    run('qemu-img', 'create', '-q', '-f', 'qcow2', disk, '8M');
    bench.file('data.img', MIB);
    const args = [
      ...[
        '-accel',
        'tcg',
        '-S',
        '-display',
        'none',
        '-serial',
        `file:${bench.path('serial.log')}`,
        '-m',
        '96',
        '-smp',
        '2',
      ],
      ...['-name', 'diskpress-alone', '-monitor', 'stdio', '-pidfile', bench.path('pid'), '-nic', 'none'],
      ...['-drive', `file=${disk.replace(',', ',,')},if=virtio,format=qcow2`],
    ];
    qemu = spawn('qemu-system-x86_64', args, { cwd: bench.folder, stdio: ['pipe', 'ignore', 'inherit'] });
    bench.atEnd(() => qemu.kill('SIGKILL'));
    for (let i = 0; i < 600 && !existsSync(bench.path('pid')); i++) await sleep(50);
    engine = await openEngineThread(bench.path('catalog'));
    bench.atEnd(() => engine.close());
  });

  const alone = async () =>
    (await engine.client.call('vm.list', { host: null })).find(({ kind }) => kind === 'qemu')!.machines;
  const place = () => `qemu:${qemu.pid}`;

  test('is there while it runs, with its disks', async () => {
    expect((await alone()).find((one) => one.place === place())).toMatchObject({
      name: 'diskpress-alone',
      state: 'running',
      heldBy: `qemu-system-x86_64 (${qemu.pid})`,
      processors: 2,
      memoryBytes: 96 * MIB,
      firmware: 'bios',
      disks: [{ bus: 'virtio', format: 'qcow2', placed: 'file', path: disk }],
    });
  });

  test('has the disks that were plugged in meanwhile, and no log', async () => {
    qemu.stdin!.write('drive_add 0 file=data.img,format=raw,if=none,id=later\ndevice_add virtio-blk-pci,drive=later\n');
    const disks = async () => (await engine.client.call('vm.show', { place: place() })).disks.map(({ path }) => path);
    for (let i = 0; i < 300 && (await disks()).length < 2; i++) await sleep(100);
    expect(await disks()).toEqual([disk, bench.path('data.img')]);
  });

  test('is not captured: the process that holds it is named', async () => {
    expect(await refusal(engine.client.call('capture.plan', { source: place(), name: 'x' }))).toMatchObject({
      code: 'VM_HELD',
      data: { place: place(), holder: `qemu-system-x86_64 (${qemu.pid})` },
    });
  });

  test('is none where libvirt lists the same machine', async () => {
    startLibvirt();
    defineMachine(bench, 'breadth-of-libvirt', '');
    virsh('start', '--paused', '--domain=breadth-of-libvirt');
    const found = (await alone()).map(({ id }) => id);
    expect(found).not.toContain(virsh('domuuid', '--domain=breadth-of-libvirt').trim());
  });

  test('is gone when it has ended', async () => {
    qemu.kill('SIGKILL');
    await new Promise((resolve) => qemu.once('close', resolve));
    expect(await refusal(engine.client.call('vm.show', { place: place() }))).toMatchObject({ code: 'VM_NOT_FOUND' });
    expect(await refusal(engine.client.call('vm.show', { place: 'qemu:1' }))).toMatchObject({ code: 'VM_NOT_FOUND' });
  });
});
