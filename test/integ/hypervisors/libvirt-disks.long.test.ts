/** What the disks of a machine may be: overlays on overlays, snapshots, volumes of pools, links; qemu-img says what is on them. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { openSource } from '../../../src-engine/images/open-source.ts';
import { linuxMachine } from '../../../src-engine/machines/linux/linux-machine.ts';
import { thisMachine } from '../../../src-engine/machines/this-machine.ts';
import { openEngineThread, refusal, resultOf, type TestEngine } from '../../support/engine.ts';
import { ADDRESS, defineMachine, startLibvirt, virsh } from '../../support/libvirt.ts';
import { FakeKernel } from '../../unit/machines/fake-kernel.ts';
import { canLoop, MIB, run, workbench } from '../../support/workbench.ts';

describe.skipIf(!canLoop)('a disk of a machine', () => {
  const bench = workbench();
  let engine: TestEngine;
  let count = 0;

  beforeAll(async () => {
    startLibvirt();
    run('chmod', 'a+x', bench.folder);
    engine = await openEngineThread(bench.path('catalog'));
    bench.atEnd(() => engine.close());
  });

  const escaped = (text: string) => text.replace(/[&<>'"]/g, (letter) => `&#${letter.charCodeAt(0)};`);
  const fileXml = (path: string, format = 'qcow2', more = '') =>
    `<disk type='file' device='disk'><driver name='qemu' type='${format}'/><source file='${escaped(path)}'/><target dev='vda' bus='virtio'/>${more}</disk>`;
  /** @returns its place */
  function machine(disk: string): string {
    const name = `diskpress-disks-${++count}`;
    defineMachine(bench, name, disk);
    return `libvirt:${name}`;
  }
  const plan = (source: string) => engine.client.call('capture.plan', { source, name: `disks ${count}` });
  /** An overlay. @param backing as it is written into it, whatever it is */
  function overlay(path: string, backing: string, format = 'qcow2'): string {
    mkdirSync(dirname(path), { recursive: true });
    run('qemu-img', 'create', '-q', '-f', 'qcow2', '-u', '-b', backing, '-F', format, path, '8M');
    return path;
  }
  const write = (path: string, fill: number, at: number, format = 'qcow2') =>
    run('qemu-io', '-f', format, '-c', `write -P ${fill} ${at}k 64k`, path);
  /** What was captured, as a file. */
  async function captured(place: string): Promise<string> {
    const name = `disks ${count}`;
    resultOf(await engine.capture(place, name));
    const target = bench.path(`${name}.img`);
    resultOf(await engine.deploy(name, target, { exact: true }));
    return target;
  }

  test('is its whole chain, whatever paths lead from one to the next', async () => {
    const base = bench.file('base.img', 8 * MIB);
    write(base, 1, 0, 'raw');
    write(base, 2, 1024, 'raw');
    const middle = overlay(bench.path('far', 'away', 'middle'), base, 'raw');
    write(middle, 3, 1024);
    // relative to the path that its machine knows, not to where a link leads
    mkdirSync(bench.path('pool'));
    const top = overlay(bench.path('elsewhere', 'top'), '../far/away/middle');
    write(top, 4, 2048);
    symlinkSync(top, bench.path('pool', `it's "top" & <é>.qcow2`));
    const link = bench.path('pool', `it's "top" & <é>.qcow2`);
    const place = machine(fileXml(link));
    const shown = await plan(place);
    expect(shown.files).toEqual([middle, base]);
    expect(shown.canRun).toBe(true);
    run('qemu-img', 'compare', '-f', 'raw', '-F', 'qcow2', await captured(place), top);
  });

  test('is refused where a file of its chain is missing, leads round, is elsewhere or is the system’s', async () => {
    const lost = overlay(bench.path('lost.qcow2'), bench.path('nowhere.qcow2'));
    expect(await refusal(plan(machine(fileXml(lost))))).toMatchObject({
      code: 'FILE_MISSING',
      data: { path: bench.path('nowhere.qcow2'), of: lost },
    });
    const round = overlay(bench.path('round-1.qcow2'), bench.path('round-2.qcow2'));
    overlay(bench.path('round-2.qcow2'), 'round-1.qcow2');
    const endless = await refusal(plan(machine(fileXml(round))));
    expect(endless).toMatchObject({ code: 'FORMAT_INVALID', data: { field: 'chain of parents', value: round } });
    run('mkfifo', bench.path('pipe'));
    for (const [i, backing] of [
      '/etc/shadow',
      // nobody waits for who writes to it
      bench.path('pipe'),
      'nbd://127.0.0.1/x',
      'json:{"driver":"nbd","host":"x"}',
      'json:{',
    ].entries()) {
      const hostile = overlay(bench.path(`hostile-${i}.qcow2`), backing, 'raw');
      expect(await refusal(plan(machine(fileXml(hostile)))), backing).toMatchObject({ code: 'FORMAT_UNSUPPORTED' });
    }
    symlinkSync('/etc/passwd', bench.path('shadow.img'));
    expect(await refusal(plan(machine(fileXml(bench.path('shadow.img'), 'raw'))))).toMatchObject({
      code: 'VM_DISK_REFUSED',
      data: { name: 'vda' },
    });
  });

  test('is of no moment where any file of its chain is written to meanwhile', async () => {
    const base = bench.file('watched.img', 8 * MIB);
    const json = `json:${JSON.stringify({ driver: 'raw', file: { driver: 'file', filename: base } })}`;
    const top = overlay(bench.path('watched.qcow2'), json, 'raw');
    const look = () => openSource(thisMachine(), top, 'qcow2', new AbortController().signal, false, true);
    const opened = await look();
    expect(opened.files).toEqual([base]);
    await opened.refuseChanged();
    appendFileSync(base, 'x');
    await expect(opened.refuseChanged()).rejects.toMatchObject({ code: 'SOURCE_CHANGED' });
    await opened.source.close();
  });

  test('is as it is now, where it holds snapshots, which is told', async () => {
    const path = bench.path('snapshots.qcow2');
    run('qemu-img', 'create', '-q', '-f', 'qcow2', path, '8M');
    write(path, 1, 0);
    run('qemu-img', 'snapshot', '-c', 'before', path);
    write(path, 2, 0);
    const place = machine(fileXml(path));
    const { disk } = await plan(place);
    expect(disk.warnings).toContainEqual({ code: 'IMAGE_SNAPSHOTS_LEFT_OUT', data: { path, count: 1 } });
    run('qemu-img', 'compare', '-f', 'raw', '-F', 'qcow2', await captured(place), path);
  });

  test('is found in a pool, which has to be started', async () => {
    const pool = '--diskpress it’s & "p"';
    const folder = bench.path('pool-folder');
    mkdirSync(folder);
    const volume = '-v "1".qcow2';
    run('qemu-img', 'create', '-q', '-f', 'qcow2', join(folder, volume), '8M');
    write(join(folder, volume), 7, 1024);
    const xml = bench.path('pool.xml');
    writeFileSync(xml, `<pool type='dir'><name>${escaped(pool)}</name><target><path>${folder}</path></target></pool>`);
    virsh('pool-define', xml);
    bench.atEnd(() => {
      spawnSync('virsh', ['-q', '-c', ADDRESS, 'pool-destroy', `--pool=${pool}`]);
      spawnSync('virsh', ['-q', '-c', ADDRESS, 'pool-undefine', `--pool=${pool}`]);
    });
    const disk = (name: string) =>
      `<disk type='volume' device='disk'><driver name='qemu' type='qcow2'/><source pool='${escaped(pool)}' volume='${escaped(name)}'/><target dev='vda' bus='virtio'/></disk>`;
    const place = machine(disk(volume));
    const down = { code: 'VM_POOL_DOWN', data: { place, name: 'vda' } };
    expect(await refusal(plan(place))).toMatchObject(down);
    virsh('pool-start', `--pool=${pool}`);
    const shown = await engine.client.call('vm.show', { place });
    expect(shown.disks).toMatchObject([{ placed: 'file', path: join(folder, volume) }]);
    run('qemu-img', 'compare', '-f', 'raw', '-F', 'qcow2', await captured(place), join(folder, volume));
    expect(await refusal(plan(machine(disk('no such volume'))))).toMatchObject({ code: 'VM_POOL_DOWN' });
  });

  test('may be a logical volume, which is no disk to anybody else', async () => {
    const loop = bench.attach(bench.file('volume.img', 2 * MIB, 7));
    const kernel = new FakeKernel();
    bench.atEnd(() => kernel.remove());
    kernel.disk('sda', { number: '8:0' });
    const number = run('lsblk', '-dno', 'MAJ:MIN', loop).trim();
    kernel.stacked('dm-0', number, ['sda'], 'vg-lv');
    const volume = kernel.dev('mapper/vg-lv');
    rmSync(kernel.dev('dm-0'));
    symlinkSync(loop, kernel.dev('dm-0'));
    const look = (isOfMachine: boolean) =>
      openSource(linuxMachine(kernel.roots), volume, 'raw', new AbortController().signal, false, isOfMachine);
    await expect(look(false)).rejects.toMatchObject({ code: 'NOT_A_WHOLE_DISK', data: { disks: [kernel.dev('sda')] } });
    const { place, source } = await look(true);
    expect(place).toMatchObject({ kind: 'device', path: volume, lengthBytes: 1000 * 512 });
    const bytes = Buffer.alloc(4096);
    await source.readInto(4096, bytes);
    expect(bytes.every((byte) => byte === 7)).toBe(true);
    await source.close();
  });

  test('that a machine that runs has too is refused, by whatever path', async () => {
    const path = bench.file('shared.img', MIB, 7);
    symlinkSync(path, bench.path('shared-link.img'));
    const place = machine(fileXml(path, 'raw', '<shareable/>'));
    const other = machine(fileXml(bench.path('shared-link.img'), 'raw', '<shareable/>'));
    expect((await plan(place)).canRun).toBe(true);
    virsh('start', `--domain=${other.slice('libvirt:'.length)}`);
    expect(await refusal(plan(place))).toMatchObject({ code: 'VM_DISK_SHARED', data: { place, name: 'vda', other } });
    virsh('destroy', `--domain=${other.slice('libvirt:'.length)}`);
  });

  test('that another program writes to is refused, though its hypervisor says that the machine is off; so is one below it', async () => {
    const base = bench.path('locked.qcow2');
    run('qemu-img', 'create', '-q', '-f', 'qcow2', base, '8M');
    const places = [machine(fileXml(base)), machine(fileXml(overlay(bench.path('over-locked.qcow2'), base)))];
    const holder = spawn(
      'qemu-storage-daemon',
      [
        ...['--blockdev', `driver=qcow2,node-name=a,file.driver=file,file.filename=${base}`],
        ...['--nbd-server', `addr.type=unix,addr.path=${bench.path('socket')}`],
        ...['--export', 'type=nbd,id=e,node-name=a,writable=on', '--pidfile', bench.path('pid')],
      ],
      { stdio: 'ignore' },
    );
    while (spawnSync('test', ['-s', bench.path('pid')]).status !== 0) run('sleep', '0.1');
    // the judge: whoever does not ask for a look at a disk in use gets none
    expect(spawnSync('qemu-img', ['info', base]).status).not.toBe(0);
    for (const place of places) {
      const { canRun, checks } = await plan(place);
      expect(canRun).toBe(false);
      expect(checks.filter(({ level }) => level === 'block')).toMatchObject([
        { code: 'SOURCE_IN_USE', data: { path: base } },
      ]);
    }
    holder.kill();
    await once(holder, 'exit');
    expect((await plan(places[1])).canRun).toBe(true);
  });
});
