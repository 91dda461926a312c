/**
 * VirtualBox through a program that answers as VBoxManage does: the real one is not in Debian. Its answers are what versions 5 to 7 print, in few lines.
 */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { openEngineThread, refusal, resultOf, type TestEngine } from '../../support/engine.ts';
import { run, workbench } from '../../support/workbench.ts';

const LAB = '3c0ffee0-6f2d-484d-b4ee-00c0ffee0001';
const ON = '3c0ffee0-6f2d-484d-b4ee-00c0ffee0002';
const GONE = '3c0ffee0-6f2d-484d-b4ee-00c0ffee0003';

describe.skipIf(process.platform === 'win32')('machines of VirtualBox', () => {
  const bench = workbench();
  const answers = bench.path('answers');
  const disk = bench.path('lab.vdi');
  let engine: TestEngine;

  /** What it prints for these arguments; without a text it fails, in French. */
  const answer = (args: string, text: string) => writeFileSync(join(answers, args.replaceAll('/', '_')), text);
  const info = (id: string, state: string, ...lines: string[]) =>
    answer(
      `--nologo showvminfo ${id} --machinereadable`,
      [
        `name="${{ [LAB]: 'lab "golden"', [ON]: '--help' }[id]!.replaceAll('"', '\\"')}"`,
        'ostype="Debian (64-bit)"',
        `UUID="${id}"`,
        'memory=1024',
        'cpus=2',
        'firmware="BIOS"',
        `VMState="${state}"`,
        'storagecontrollername0="SATA"',
        'storagecontrollertype0="IntelAhci"',
        ...lines,
        '',
      ].join('\n'),
    );
  const labDisks = [`"SATA-0-0"="${disk}"`, '"SATA-1-0"="emptydrive"', 'SnapshotName="clean"'];

  beforeAll(async () => {
    mkdirSync(answers);
    const program = bench.path('bin', 'VBoxManage');
    mkdirSync(bench.path('bin'));
    writeFileSync(
      program,
      `#!/bin/sh\ncat "${answers}/$(echo "$*" | tr / _)" 2>/dev/null && exit\necho "VBoxManage: erreur : Impossible de trouver une machine nommée" >&2\nexit 1\n`,
    );
    chmodSync(program, 0o755);
    run('qemu-img', 'create', '-q', '-f', 'vdi', disk, '16M');
    run('qemu-io', '-f', 'vdi', '-c', 'write -P 7 1M 2M', disk);
    const list = [`"lab "golden"" {${LAB}}`, `"--help" {${ON}}`, `"<inaccessible>" {${GONE}}`];
    answer('--nologo list hdds', '');
    answer('--nologo list vms', `${list.join('\n')}\n`);
    info(LAB, 'poweroff', ...labDisks);
    info(ON, 'running');
    const before = process.env.PATH;
    process.env.PATH = `${bench.path('bin')}:${before}`;
    bench.atEnd(() => (process.env.PATH = before));
    engine = await openEngineThread(bench.path('catalog'));
    bench.atEnd(() => engine.close());
  });

  const plan = (source: string) => engine.client.call('capture.plan', { source, name: 'refused' });

  test('are all there, whatever they are called', async () => {
    const views = await engine.client.call('vm.list', { host: null });
    expect(views.find(({ kind }) => kind === 'vbox')).toMatchObject({
      error: null,
      machines: [
        { place: 'vbox:--help', state: 'running' },
        { place: `vbox:${GONE}`, name: '<inaccessible>', state: 'unknown' },
        {
          place: 'vbox:lab "golden"',
          state: 'off',
          processors: 2,
          snapshots: ['clean'],
          disks: [{ path: disk }, { isOptical: true }],
        },
      ],
    });
    for (const place of ['vbox:lab "golden"', `vbox:${LAB}`])
      expect(await engine.client.call('vm.show', { place })).toMatchObject({ id: LAB });
    expect(await refusal(engine.client.call('vm.show', { place: 'vbox:nobody' }))).toMatchObject({
      code: 'VM_NOT_FOUND',
    });
  });

  test('are captured while they are off', async () => {
    resultOf(await engine.capture('vbox:lab "golden"', 'machine'));
    const target = bench.path('1.img');
    resultOf(await engine.deploy('machine', target, { exact: true }));
    run('qemu-img', 'compare', '-f', 'raw', '-F', 'vdi', target, disk);
    const { versions } = await engine.client.call('template.show', { template: 'machine' });
    expect(versions[0]).toMatchObject({ platform: 'virtual', configuration: { cpus: 2 }, disks: [{ bus: 'sata' }] });
  });

  /**
   * Makes an image one that stands on another, as VirtualBox does: its type, whose it is, and that what was never written is the other's.
   * The judge is qemu-img, on the same blocks laid over each other by hand: it reads no such images itself.
   */
  function standOn(image: string, parent: string): void {
    const [bytes, below] = [readFileSync(image), readFileSync(parent)];
    bytes.writeUInt32LE(4, 76);
    below.copy(bytes, 424, 392, 408);
    below.copy(bytes, 440, 408, 424);
    writeFileSync(image, bytes);
  }
  const uuidOf = (image: string) => {
    const [a, b, c] = [4, 2, 2].map((length, i) =>
      Buffer.from(
        readFileSync(image)
          .subarray(392 + [0, 4, 6][i])
          .subarray(0, length),
      )
        .reverse()
        .toString('hex'),
    );
    const rest = readFileSync(image).subarray(400, 408).toString('hex');
    return `${a}-${b}-${c}-${rest.slice(0, 4)}-${rest.slice(4)}`;
  };

  test('are captured as they are now, over the images of their snapshots, wherever those lie', async () => {
    mkdirSync(bench.path('Snapshots'));
    const [first, now] = [bench.path('Snapshots/first.vdi'), bench.path('Snapshots/now.vdi')];
    const whole = bench.path('whole.img');
    run('qemu-img', 'convert', '-f', 'vdi', '-O', 'raw', disk, whole);
    for (const [image, fill, at] of [
      [first, 8, '2M'],
      [now, 9, '5M'],
    ] as const) {
      run('qemu-img', 'create', '-q', '-f', 'vdi', image, '16M');
      // whole blocks, as VirtualBox writes them into such images
      run('qemu-io', '-f', 'vdi', '-c', `write -P ${fill} ${at} 1M`, image);
      run('qemu-io', '-f', 'raw', '-c', `write -P ${fill} ${at} 1M`, whole);
    }
    standOn(first, disk);
    standOn(now, first);
    const hdds = [disk, first, now].map(
      (image) => `UUID:           ${uuidOf(image)}\nState:          created\nLocation:       ${image}\n`,
    );
    answer('--nologo list hdds', hdds.join('\n'));
    info(LAB, 'poweroff', `"SATA-0-0"="${now}"`);
    resultOf(await engine.capture(`vbox:${LAB}`, 'now'));
    const target = bench.path('now.img');
    resultOf(await engine.deploy('now', target, { exact: true }));
    run('qemu-img', 'compare', '-f', 'raw', '-F', 'raw', target, whole);

    // who was written to since is no parent any more
    const bytes = readFileSync(first);
    bytes[408] ^= 1;
    writeFileSync(first, bytes);
    expect(await refusal(plan(`vbox:${LAB}`))).toMatchObject({
      code: 'FORMAT_INVALID',
      data: { field: 'uuidParentModify' },
    });
    // in a circle
    bytes[408] ^= 1;
    writeFileSync(first, bytes);
    standOn(first, now);
    expect(await refusal(plan(`vbox:${LAB}`))).toMatchObject({
      code: 'FORMAT_INVALID',
      data: { field: 'chain of parents' },
    });
    answer('--nologo list hdds', hdds.slice(2).join('\n'));
    expect(await refusal(plan(`vbox:${LAB}`))).toMatchObject({
      code: 'FORMAT_UNSUPPORTED',
      data: { feature: 'VDI differencing image' },
    });
    info(LAB, 'poweroff', ...labDisks);
  });

  test.each([
    ['running', 'running'],
    ['saved', 'saved'],
    ['paused', 'paused'],
  ])('are not captured while they are %s', async (said, state) => {
    info(LAB, said, ...labDisks);
    expect(await refusal(plan(`vbox:${LAB}`))).toMatchObject({ code: 'VM_NOT_OFF', data: { state } });
    info(LAB, 'poweroff', ...labDisks);
  });

  test('cannot be asked where it says so, in whatever language', async () => {
    writeFileSync(
      bench.path('bin', 'VBoxManage'),
      '#!/bin/sh\necho "VBoxManage: Fehler: Zugriff verweigert" >&2\nexit 1\n',
    );
    const views = await engine.client.call('vm.list', { host: null });
    expect(views.find(({ kind }) => kind === 'vbox')!.error).toMatchObject({
      code: 'HYPERVISOR_UNREACHABLE',
      data: { hypervisor: 'VirtualBox', said: 'VBoxManage: Fehler: Zugriff verweigert' },
    });
  });

  test('are missed once where VirtualBox is not', async () => {
    run('rm', bench.path('bin', 'VBoxManage'));
    const views = await engine.client.call('vm.list', { host: null });
    expect(views.find(({ kind }) => kind === 'vbox')!.error).toMatchObject({
      code: 'HYPERVISOR_MISSING',
      data: { package: 'virtualbox', page: 'https://www.virtualbox.org' },
    });
  });
});
