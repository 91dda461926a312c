/** The disks of a machine on another host, read over a real ssh from a real qemu-nbd; qemu-img is the judge. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { main } from '../../support/command-line.ts';
import { openEngineThread, refusal, resultOf, type TestEngine } from '../../support/engine.ts';
import { startLabHost, type LabHost } from '../../support/lab-host.ts';
import { canLoop, MIB, run, workbench } from '../../support/workbench.ts';

describe.skipIf(!canLoop)('a machine of another host', () => {
  const bench = workbench();
  const system = bench.path("it's, a disk.qcow2");
  const data = bench.path('data.img');
  let host: LabHost;
  let engine: TestEngine;

  const diskXml = (path: string, format: string, name: string) =>
    `<disk type='file'><driver name='qemu' type='${format}'/><source file="${path}"/><target dev='${name}' bus='virtio'/></disk>`;
  const place = () => `libvirt+ssh://${host.address}:two`;
  const plan = () => engine.client.call('capture.plan', { source: place(), name: 'refused' });

  beforeAll(async () => {
    run('chmod', 'a+x', bench.folder);
    run('qemu-img', 'create', '-q', '-f', 'qcow2', system, '24M');
    run('qemu-io', '-f', 'qcow2', '-c', 'write -P 7 1M 2M', system);
    // what a guest wrote to the start of its raw disk is nothing but that
    run('qemu-img', 'create', '-q', '-f', 'qcow2', '-u', '-b', '/etc/shadow', '-F', 'raw', data, '16M');
    run('truncate', '-s', '12M', data);
    host = await startLabHost(bench);
    engine = await openEngineThread(bench.path('catalog'));
    bench.atEnd(() => engine.close());
    host.defineMachine('two', diskXml(system, 'qcow2', 'vda') + diskXml(data, 'raw', 'vdb'));
  });

  /** On the host, which shares its folder for such things with this machine. */
  const leftovers = () => [
    ...readdirSync('/tmp').filter((name) => /^diskpress-[\da-f]{8}-[\da-f-]{27}$/.test(name)),
    ...host
      .run('sh', '-c', 'pgrep -af "qemu-nbd.*diskpress-" || true')
      .split('\n')
      .filter((line) => line.includes('--image-opts')),
  ];

  afterEach(async () => {
    // who noticed last that the connection is gone has some moments to end
    for (let i = 0; i < 600 && leftovers().length > 0; i++) await sleep(100);
    expect(leftovers()).toEqual([]);
  });

  test('is captured with all its disks', async () => {
    resultOf(await engine.capture(place(), 'machine'));
    const { versions } = await engine.client.call('template.show', { template: 'machine' });
    expect(versions[0].platform).toBe('virtual');
    expect(versions[0].disks.map(({ bus, source, capacityBytes }) => [bus, source.path, capacityBytes])).toEqual([
      ['virtio', `ssh://${host.address}${system}`, 24 * MIB],
      ['virtio', `ssh://${host.address}${data}`, 12 * MIB],
    ]);
    const images = [
      [system, 'qcow2'],
      [data, 'raw'],
    ];
    for (const [i, [disk, format]] of images.entries()) {
      const target = bench.path(`${i}.img`);
      const params = { template: 'machine', target, disk: i + 1, exact: true };
      const { planId } = await engine.client.call('deploy.plan', params);
      resultOf(await engine.ended((await engine.client.call('deploy.start', { planId })).jobId));
      run('qemu-img', 'compare', '-f', 'raw', '-F', format, target, disk);
    }
  });

  test('is looked at', async () => {
    const { disks, machine } = await engine.client.call('source.inspect', { source: place() });
    expect(disks.map(({ source }) => source.lengthBytes)).toEqual([24 * MIB, 12 * MIB]);
    expect(machine).toMatchObject({ name: 'two', isVirtual: true });
  });

  test('that runs is not captured', async () => {
    host.virsh('start', '--paused', '--domain=two');
    expect(await refusal(plan())).toMatchObject({ code: 'VM_NOT_OFF', data: { place: place(), state: 'paused' } });
    host.virsh('destroy', '--domain=two');
  });

  test('whose disk somebody writes to there is refused by the lock on it', async () => {
    const socket = bench.path('writer.sock');
    host.run(
      'qemu-nbd',
      '--fork',
      '--persistent',
      `--socket=${socket}`,
      `--pid-file=${bench.path('writer.pid')}`,
      '-f',
      'qcow2',
      system,
    );
    expect(await refusal(engine.client.call('source.inspect', { source: place() }))).toMatchObject({
      code: 'HOST_DISK_REFUSED',
      data: { host: host.address, path: system },
    });
    run('sh', '-c', `kill $(cat ${bench.path('writer.pid')})`);
    for (let i = 0; i < 600 && existsSync(socket); i++) await sleep(100);
  });

  test('whose disk is gone, or whose host cannot serve it, is refused', async () => {
    host.defineMachine('gone', diskXml(bench.path('gone.qcow2'), 'qcow2', 'vda'));
    const source = `libvirt+ssh://${host.address}:gone`;
    expect(await refusal(engine.client.call('capture.plan', { source, name: 'x' }))).toMatchObject({
      code: 'HOST_DISK_REFUSED',
      data: { path: bench.path('gone.qcow2') },
    });
    host.run('mount', '--bind', '/dev/null', '/usr/bin/qemu-nbd');
    expect(await refusal(engine.client.call('source.inspect', { source: place() }))).toMatchObject({
      code: 'HOST_TOOL_MISSING',
      data: { tool: 'qemu-nbd', package: 'qemu-utils' },
    });
    host.run('umount', '/usr/bin/qemu-nbd');
  });

  test('that was started and written to since the plan is refused', async () => {
    const { planId } = await plan();
    host.virsh('start', '--paused', '--domain=two');
    const job = await engine.ended((await engine.client.call('capture.start', { planId })).jobId);
    expect(job).toMatchObject({ outcome: 'failed', error: { code: 'VM_NOT_OFF' } });
    host.virsh('destroy', '--domain=two');
  });

  test('whose host is lost in the middle leaves no version, and nothing there', async () => {
    const large = bench.file('large.img', 768 * MIB, 5);
    host.defineMachine('large', diskXml(large, 'raw', 'vda'));
    const { planId } = await engine.client.call('capture.plan', {
      source: `libvirt+ssh://${host.address}:large`,
      name: 'lost',
      outside: 'take',
    });
    const { jobId } = await engine.client.call('capture.start', { planId });
    await engine.reached(jobId, 'capturing');
    host.stopSsh();
    expect(await engine.ended(jobId)).toMatchObject({
      outcome: 'failed',
      error: { code: 'HOST_LOST', data: { host: host.address, path: large } },
    });
    await host.startSsh();
    expect((await engine.client.call('template.list', {})).map(({ name }) => name)).not.toContain('lost');
  });

  test('whose capture is killed here leaves nothing there', async () => {
    const args = [main, '--catalog', bench.path('killed'), 'capture', `libvirt+ssh://${host.address}:large`];
    const command = spawn(process.execPath, [...args, '--name', 'killed', '--outside', 'take'], { stdio: 'ignore' });
    const ended = new Promise((resolve) => command.once('close', resolve));
    for (let i = 0; i < 600 && leftovers().length < 2; i++) await sleep(100);
    expect(leftovers()).toHaveLength(2);
    command.kill('SIGKILL');
    await ended;
  });
});
