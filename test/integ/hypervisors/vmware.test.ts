/** Machines in VMware's folders, whose disks are made and judged by qemu-img. VMware itself is not here. */
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { openEngineThread, refusal, resultOf, type TestEngine } from '../../support/engine.ts';
import { MIB, run, workbench } from '../../support/workbench.ts';

const SECOND = 'dépôt.vmdk';

describe('a machine of VMware', () => {
  const bench = workbench();
  const home = bench.path('home');
  const folder = join(home, 'vmware/Lab');
  const vmx = join(folder, 'lab.vmx');
  const place = `vmx:${vmx}`;
  let engine: TestEngine;

  /** With names relative to the folder, as VMware gives them. */
  const inFolder = (...args: string[]) => run('env', '-C', folder, ...args);
  const write = (disk: string, from: string, length: string, fill: number) =>
    inFolder('qemu-io', '-f', 'vmdk', '-c', `write -P ${fill} ${from} ${length}`, disk);
  const delta = (disk: string, parent: string) =>
    inFolder('qemu-img', 'create', '-q', '-f', 'vmdk', '-F', 'vmdk', '-b', parent, disk);

  function writeVmx(first: string, ...more: string[]) {
    const lines = [
      '#!/usr/bin/vmware',
      '.encoding = "windows-1252"',
      'config.version = "8"',
      'virtualHW.version = "19"',
      'displayName = "Lab |22été|22"',
      'guestOS = "debian11-64"',
      'memsize = "1024"',
      'numvcpus = "2"',
      'firmware = "efi"',
      'uuid.bios = "56 4d 09 6b b0 ff 56 dd-bd 74 a4 03 97 2b f3 37"',
      'scsi0.present = "TRUE"',
      'scsi0:0.present = "TRUE"',
      `scsi0:0.fileName = "${first}"`,
      'sata0:1.present = "TRUE"',
      'sata0:1.deviceType = "cdrom-image"',
      'sata0:1.fileName = "/iso/debian.iso"',
      'nvme0:0.present = "TRUE"',
      `nvme0:0.fileName = "${SECOND}"`,
      'ethernet0.present = "TRUE"',
      'ethernet0.generatedAddress = "00:0c:29:00:00:01"',
      ...more,
    ];
    writeFileSync(vmx, Buffer.from(lines.join('\r\n'), 'latin1'));
  }

  beforeAll(async () => {
    mkdirSync(folder, { recursive: true });
    inFolder('qemu-img', 'create', '-q', '-f', 'vmdk', 'lab.vmdk', '24M');
    write('lab.vmdk', '1M', '2M', 7);
    delta('lab-000001.vmdk', 'lab.vmdk');
    write('lab-000001.vmdk', '2M', '2M', 8);
    delta('lab-000002.vmdk', 'lab-000001.vmdk');
    write('lab-000002.vmdk', '3M', '64k', 9);
    inFolder('qemu-img', 'create', '-q', '-f', 'vmdk', '-o', 'subformat=twoGbMaxExtentFlat', SECOND, '12M');
    write(SECOND, '5M', '1M', 5);
    writeVmx('lab-000002.vmdk');
    const list = [
      '.encoding = "UTF-8"',
      'snapshot.numSnapshots = "2"',
      'snapshot0.displayName = "clean"',
      'snapshot1.displayName = "updated"',
    ];
    writeFileSync(join(folder, 'lab.vmsd'), list.join('\n'));
    // the memory of a snapshot says nothing of now
    writeFileSync(join(folder, 'lab-Snapshot1.vmem'), '');
    const before = process.env.HOME;
    process.env.HOME = home;
    bench.atEnd(() => (process.env.HOME = before));
    engine = await openEngineThread(bench.path('catalog'));
    bench.atEnd(() => engine.close());
  });

  const machines = async () =>
    (await engine.client.call('vm.list', { host: null })).find(({ kind }) => kind === 'vmx')!.machines;
  const plan = () => engine.client.call('capture.plan', { source: place, name: 'refused' });

  test('is found in its folder, with its hardware, its disks of now and its snapshots', async () => {
    expect(await machines()).toMatchObject([
      {
        place,
        name: 'Lab "été"',
        state: 'off',
        operatingSystem: 'debian11',
        processors: 2,
        memoryBytes: 1024 * MIB,
        firmware: 'uefi',
        disks: [
          { name: 'scsi0:0', bus: 'scsi', path: join(folder, 'lab-000002.vmdk') },
          { name: 'sata0:1', isOptical: true },
          { name: 'nvme0:0', bus: 'nvme', path: join(folder, SECOND) },
        ],
        networks: [{ mac: '00:0c:29:00:00:01' }],
        snapshots: ['clean', 'updated'],
      },
    ]);
  });

  test('is found by what VMware lists, once, and one whose file is damaged hides no other', async () => {
    const other = bench.path('elsewhere');
    mkdirSync(other);
    mkdirSync(join(home, '.vmware'));
    writeFileSync(join(other, 'far.vmx'), 'config.version = "8"\n');
    writeFileSync(join(other, 'bad.vmx'), '\0\x01 nonsense');
    const paths = [vmx, join(other, 'far.vmx'), join(other, 'bad.vmx'), join(other, 'gone.vmx'), 'relative.vmx'];
    const lines = paths.map((path, i) => `vmlist${i + 1}.config = "${path}"`);
    writeFileSync(join(home, '.vmware/inventory.vmls'), ['.encoding = "UTF-8"', ...lines].join('\n'));
    expect((await machines()).map(({ name, state }) => [name, state])).toEqual([
      ['bad', 'unknown'],
      ['far', 'off'],
      ['Lab "été"', 'off'],
    ]);
    expect(await refusal(engine.client.call('vm.show', { place: `vmx:${join(other, 'bad.vmx')}` }))).toMatchObject({
      code: 'FORMAT_INVALID',
    });
    expect(await refusal(engine.client.call('vm.show', { place: `vmx:${join(other, 'gone.vmx')}` }))).toMatchObject({
      code: 'VM_NOT_FOUND',
    });
  });

  test('is captured with all its disks, through the chain of its snapshots', async () => {
    resultOf(await engine.capture(place, 'machine'));
    const { versions } = await engine.client.call('template.show', { template: 'machine' });
    expect(versions[0]).toMatchObject({
      platform: 'virtual',
      configuration: { cpus: 2, memoryBytes: 1024 * MIB, bootMode: 'uefi' },
      disks: [{ bus: 'scsi' }, { bus: 'nvme' }],
    });
    for (const [i, disk] of ['lab-000002.vmdk', SECOND].entries()) {
      const target = bench.path(`${i}.img`);
      const params = { template: 'machine', target, disk: i + 1, exact: true };
      const { planId } = await engine.client.call('deploy.plan', params);
      resultOf(await engine.ended((await engine.client.call('deploy.start', { planId })).jobId));
      inFolder('qemu-img', 'compare', '-f', 'raw', '-F', 'vmdk', target, disk);
    }
  });

  test('that is a linked clone is captured through a disk of another folder', async () => {
    const clone = join(home, 'vmware/Clone');
    mkdirSync(clone);
    // by its whole path, as VMware names it there
    run(
      'qemu-img',
      'create',
      '-q',
      '-f',
      'vmdk',
      '-F',
      'vmdk',
      '-b',
      join(folder, 'lab-000002.vmdk'),
      join(clone, 'clone.vmdk'),
    );
    run('qemu-io', '-f', 'vmdk', '-c', 'write -P 4 9M 64k', join(clone, 'clone.vmdk'));
    const lines = ['config.version = "8"', 'scsi0:0.present = "TRUE"', 'scsi0:0.fileName = "clone.vmdk"'];
    writeFileSync(join(clone, 'clone.vmx'), lines.join('\n'));
    resultOf(await engine.capture(`vmx:${join(clone, 'clone.vmx')}`, 'clone'));
    const target = bench.path('clone.img');
    resultOf(await engine.deploy('clone', target, { exact: true }));
    run('qemu-img', 'compare', '-f', 'raw', '-F', 'vmdk', target, join(clone, 'clone.vmdk'));
  });

  test.each([
    ['runs: VMware has its file', 'lab.vmx.lck', 'running'],
    ['runs: VMware has its disk', 'lab-000002.vmdk.lck', 'running'],
    ['runs: its memory is there', '564d096b-b0ff-56dd-bd74-a403972bf337.vmem', 'running'],
    ['is suspended', 'lab-564d096b.vmss', 'saved'],
  ])('that %s is not captured', async (_, name, state) => {
    const path = join(folder, name);
    if (name.endsWith('.lck')) mkdirSync(path);
    else writeFileSync(path, '');
    expect((await engine.client.call('vm.show', { place })).state).toBe(state);
    expect(await refusal(plan())).toMatchObject({ code: 'VM_HELD', data: { place, holder: name } });
    rmSync(path, { recursive: true });
  });

  test('that says itself that it is suspended is not captured', async () => {
    writeVmx('lab-000002.vmdk', 'checkpoint.vmState = "lab-1.vmss"');
    expect(await refusal(plan())).toMatchObject({ code: 'VM_HELD', data: { holder: 'lab-1.vmss' } });
    writeVmx('lab-000002.vmdk');
  });

  test('of another name in the same folder holds nothing of it', async () => {
    mkdirSync(join(folder, 'lab2.vmx.lck'));
    expect((await plan()).disks).toHaveLength(2);
    rmSync(join(folder, 'lab2.vmx.lck'), { recursive: true });
  });

  /** Says another parent in a delta, in as many characters. */
  function reparent(disk: string, from: string, to: string) {
    const bytes = readFileSync(join(folder, disk));
    const at = bytes.indexOf(`parentFileNameHint="${from}"`);
    expect(at).toBeGreaterThan(0);
    bytes.write(`parentFileNameHint="${to}"`, at);
    writeFileSync(join(folder, disk), bytes);
  }

  test('whose chain leads nowhere, in a circle, or to another disk is refused', async () => {
    copyFileSync(join(folder, 'lab-000002.vmdk'), join(folder, 'lab-000003.vmdk'));
    writeVmx('lab-000003.vmdk');
    reparent('lab-000003.vmdk', 'lab-000001.vmdk', 'lab-00000X.vmdk');
    expect(await refusal(plan())).toMatchObject({
      code: 'FILE_MISSING',
      data: { path: join(folder, 'lab-00000X.vmdk') },
    });
    reparent('lab-000003.vmdk', 'lab-00000X.vmdk', 'lab-000003.vmdk');
    expect(await refusal(plan())).toMatchObject({ code: 'FORMAT_INVALID', data: { field: 'chain of parents' } });
    reparent('lab-000003.vmdk', 'lab-000003.vmdk', 'lab-000002.vmdk');
    expect(await refusal(plan())).toMatchObject({ code: 'FORMAT_INVALID', data: { field: 'parentCID' } });
    writeVmx('lab-000004.vmdk');
    expect(await refusal(plan())).toMatchObject({
      code: 'SOURCE_NOT_FOUND',
      data: { path: join(folder, 'lab-000004.vmdk') },
    });
    writeVmx('lab-000002.vmdk');
  });
});
