/** Machines of several disks from other programs: one template with all of them, in the machine's order, equal disk by disk. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openEngine, refusal, resultOf, type TestEngine } from '../../support/engine.ts';
import { virtualBoxOvf, vmwareOvf } from '../../support/ovf.ts';
import { importFrom } from '../../support/transfer.ts';
import { MIB, run, workbench } from '../../support/workbench.ts';

const bench = workbench();
const catalog = bench.path('catalog');
const machine = bench.path('machine');
const at = (name: string) => join(machine, name);
/** Every byte that is not used is a zero. */
const disks = [bench.file('system.img', 24 * MIB), bench.file('data.img', 40 * MIB)];
let engine: TestEngine;

beforeAll(async () => {
  const [system, data] = disks;
  run('sgdisk', '-n', '1:1M:+8M', '-t', '1:ef00', '-n', '2:9M:+14M', system);
  run('mkfs.vfat', '--offset', '2048', system, '8192');
  run('mkfs.ext4', '-q', '-F', '-E', `offset=${9 * MIB}`, '-d', '/usr/share/dpkg', system, '14M');
  run('mkfs.xfs', '-q', '-f', '--unsupported', data);
  engine = await openEngine(catalog);
});
afterAll(() => engine.close());
beforeEach(() => {
  rmSync(machine, { recursive: true, force: true });
  mkdirSync(machine);
});

const capacities = () => disks.map((path) => statSync(path).size);

/** @returns names of the files */
function convertAll(format = 'streamOptimized'): string[] {
  return disks.map((disk, i) => {
    run('qemu-img', 'convert', '-O', 'vmdk', '-o', `subformat=${format}`, disk, at(`m-disk00${i + 1}.vmdk`));
    return `m-disk00${i + 1}.vmdk`;
  });
}

function writeSums(): void {
  const lines = readdirSync(machine).map((name) => {
    const sum = createHash('sha256')
      .update(readFileSync(at(name)))
      .digest('hex');
    return `SHA256 (${name}) = ${sum}\n`;
  });
  writeFileSync(at('m.mf'), lines.join(''));
}

function writeVirtualBox(iso: string | null = null): void {
  const names = convertAll();
  const described = names.map((href, i) => ({ href, capacityBytes: capacities()[i] }));
  writeFileSync(at('m.ovf'), virtualBoxOvf('two disks', described, iso));
  writeSums();
}

function ova(): string {
  const rest = readdirSync(machine).filter((name) => name !== 'm.ovf');
  run('tar', '--format=ustar', '-cf', bench.path('m.ova'), '-C', machine, 'm.ovf', ...rest);
  return bench.path('m.ova');
}

const newest = async (template: string) => (await engine.client.call('template.show', { template })).versions[0];
const isThere = (template: string) =>
  engine.client.call('template.show', { template }).then(
    () => true,
    () => false,
  );

async function expectEqual(template: string, wanted: readonly string[] = disks): Promise<void> {
  for (const [i, original] of wanted.entries()) {
    const target = bench.path('deployed.img');
    rmSync(target, { force: true });
    const disk = wanted.length > 1 ? i + 1 : undefined;
    const { planId } = await engine.client.call('deploy.plan', { template, disk, target });
    resultOf(await engine.ended((await engine.client.call('deploy.start', { planId })).jobId));
    expect(run('qemu-img', 'compare', '-f', 'raw', '-F', 'raw', original, target)).toContain('identical');
  }
}

describe('an OVA as VirtualBox writes it', () => {
  test('is looked at disk by disk: where each is plugged in, and what is on it', async () => {
    run('genisoimage', '-quiet', '-o', at('tools.iso'), '/usr/share/dpkg');
    writeVirtualBox('tools.iso');
    const view = await engine.client.call('import.look', { path: ova() });
    expect(view).toMatchObject({ format: 'ova', entries: [], proposedName: 'two disks' });
    // the disc in its drive is none of the machine's disks
    expect(view.warnings).toEqual([{ code: 'DISC_LEFT_OUT', data: { names: 'tools.iso' } }]);
    expect(view.disks).toMatchObject([
      {
        name: 'm-disk001.vmdk',
        role: 'boot',
        bus: 'sata',
        address: '0:0',
        lengthBytes: 24 * MIB,
        disk: { table: 'gpt' },
      },
      {
        name: 'm-disk002.vmdk',
        role: 'data',
        bus: 'sata',
        address: '0:1',
        lengthBytes: 40 * MIB,
        disk: { table: 'none' },
      },
    ]);
  });

  test('becomes one template, with a part of the job for each disk', async () => {
    writeVirtualBox();
    const job = await importFrom(engine, ova(), 'ova');
    resultOf(job);
    expect(job.parts).toMatchObject([
      { path: join(bench.path('m.ova'), 'm-disk001.vmdk'), outcome: 'done' },
      { path: join(bench.path('m.ova'), 'm-disk002.vmdk'), outcome: 'done' },
    ]);
    expect(job.warnings).toEqual([]);
    const version = await newest('ova');
    expect(version).toMatchObject({ configuration: { operatingSystem: 'Debian_64', bootMode: 'uefi', cpus: 2 } });
    expect(version.disks).toMatchObject([
      { role: 'boot', bus: 'sata', address: '0:0', source: { path: bench.path('m.ova'), model: 'm-disk001.vmdk' } },
      { role: 'data', bus: 'sata', address: '0:1', source: { path: bench.path('m.ova'), model: 'm-disk002.vmdk' } },
    ]);
    await expectEqual('ova');
  });

  test('gives one of its disks to whoever asks for that one', async () => {
    writeVirtualBox();
    const path = ova();
    resultOf(await importFrom(engine, path, 'by number', { disk: 2 }));
    await expectEqual('by number', [disks[1]]);
    resultOf(await importFrom(engine, path, 'by name', { entry: 'm-disk001.vmdk' }));
    await expectEqual('by name', [disks[0]]);
    expect(await refusal(importFrom(engine, path, 'third', { disk: 3 }))).toMatchObject({
      code: 'NO_SUCH_DISK',
      data: { number: 3, names: ['m-disk001.vmdk', 'm-disk002.vmdk'] },
    });
  });

  test('with a disk that has no file has an empty one there', async () => {
    writeVirtualBox();
    const empty = '<Disk ovf:capacity="3" ovf:capacityAllocationUnits="byte * 2^20" ovf:diskId="blank"/>';
    const text = readFileSync(at('m.ovf'), 'utf8');
    writeFileSync(at('m.ovf'), text.replace(/(<Disk [^>]*vmdisk2)/, `${empty}$1`));
    rmSync(at('m.mf'));
    resultOf(await importFrom(engine, at('m.ovf'), 'blank'));
    await expectEqual('blank', [disks[0], bench.file('blank.img', 3 * MIB), disks[1]]);
  });

  test('with another number of disks than the version before is asked about', async () => {
    writeVirtualBox();
    const plan = await engine.client.call('import.plan', { path: ova(), name: 'by number' });
    expect(plan.canRun).toBe(false);
    expect(plan.checks).toContainEqual(
      expect.objectContaining({ code: 'DISK_COUNT_DIFFERS', data: { name: 'by number', expected: 1, count: 2 } }),
    );
    resultOf(await importFrom(engine, bench.path('m.ova'), 'by number', { overrides: ['DISK_COUNT_DIFFERS'] }));
    expect((await newest('by number')).disks).toHaveLength(2);
  });
});

describe('a machine as VMware writes it', () => {
  test('in a folder, with a packed disk', async () => {
    const [first, second] = convertAll();
    execFileSync('gzip', [at(second)]);
    const described = [
      { href: first, capacityBytes: capacities()[0] },
      { href: `${second}.gz`, capacityBytes: capacities()[1], more: 'ovf:compression="gzip"' },
    ];
    writeFileSync(at('m.ovf'), vmwareOvf('packed', described));
    writeSums();
    for (const [i, path] of [machine, at('m.ovf'), ova()].entries()) {
      const view = await engine.client.call('import.look', { path });
      expect(view.disks).toMatchObject([{ name: first, bus: 'scsi', address: '0:0', disk: null }, { address: '0:1' }]);
      resultOf(await importFrom(engine, path, `vmware ${i}`));
      expect(await newest(`vmware ${i}`)).toMatchObject({
        configuration: { bootMode: 'uefi' },
        disks: [
          { role: 'boot', bus: 'scsi' },
          { role: 'data', bus: 'scsi' },
        ],
      });
      await expectEqual(`vmware ${i}`);
    }
  });

  test('with more packed disks than layers that are looked into', async () => {
    const names = ['a', 'b', 'c', 'd'].map((name, i) => {
      copyFileSync(disks[0], at(name));
      execFileSync('truncate', ['-s', `${24 + i}M`, at(name)]);
      execFileSync('gzip', [at(name)]);
      return `${name}.gz`;
    });
    const described = names.map((href, i) => ({
      href,
      capacityBytes: (24 + i) * MIB,
      more: 'ovf:compression="gzip"',
    }));
    writeFileSync(at('m.ovf'), vmwareOvf('four', described));
    resultOf(await importFrom(engine, at('m.ovf'), 'four'));
    const { disks: stored } = await newest('four');
    expect(stored.map(({ capacityBytes }) => capacityBytes / MIB)).toEqual([24, 25, 26, 27]);
  });

  test('inside an archive', async () => {
    writeFileSync(
      at('m.ovf'),
      vmwareOvf(
        'archived',
        convertAll('monolithicSparse').map((href, i) => ({ href, capacityBytes: capacities()[i] })),
      ),
    );
    const archives: [string, string[]][] = [
      ['m.tar.gz', ['tar', '-czf', bench.path('m.tar.gz'), '-C', bench.folder, 'machine']],
      ['m.7z', ['sh', '-c', `cd ${bench.folder} && bsdtar --format=7zip -cf m.7z machine`]],
      ['m.zip', ['sh', '-c', `cd ${bench.folder} && bsdtar --format=zip -cf m.zip machine`]],
    ];
    for (const [name, [tool, ...args]] of archives) {
      run(tool, ...args);
      const job = await importFrom(engine, bench.path(name), name);
      resultOf(job);
      expect((await newest(name)).disks, name).toMatchObject([{ role: 'boot', address: '0:0' }, { role: 'data' }]);
      await expectEqual(name);
    }
  });
});

describe('nothing is made', () => {
  test('where one disk is missing, or is not what its sum says', async () => {
    writeVirtualBox();
    rmSync(at('m-disk002.vmdk'));
    expect(await refusal(importFrom(engine, at('m.ovf'), 'none'))).toMatchObject({
      code: 'FILE_MISSING',
      data: { disk: 2, of: 'm.ovf', path: expect.stringContaining('m-disk002.vmdk') },
    });
    writeVirtualBox();
    const bytes = readFileSync(at('m-disk002.vmdk'));
    bytes[bytes.length - 600] ^= 1;
    writeFileSync(at('m-disk002.vmdk'), bytes);
    const job = await importFrom(engine, at('m.ovf'), 'none');
    expect(job).toMatchObject({ outcome: 'failed', result: null });
    expect(job.error).toMatchObject({ code: 'FORMAT_INVALID', data: { disk: 2 } });
    expect(job.parts.map(({ outcome }) => outcome)).toEqual(['aborted', 'failed']);
    expect(await isThere('none')).toBe(false);
  });

  test('where disks lie on top of each other', async () => {
    const names = convertAll();
    const text = vmwareOvf(
      'snapshots',
      names.map((href, i) => ({ href, capacityBytes: capacities()[i] })),
    );
    writeFileSync(at('m.ovf'), text.replace('ovf:diskId="vmdisk2"', 'ovf:parentRef="vmdisk1" $&'));
    expect(await refusal(importFrom(engine, at('m.ovf'), 'none'))).toMatchObject({
      code: 'FORMAT_UNSUPPORTED',
      data: { feature: expect.stringContaining('parentRef') },
    });
    expect(await isThere('none')).toBe(false);
  });

  test('where it is cancelled', async () => {
    writeVirtualBox();
    const { planId } = await engine.client.call('import.plan', { path: at('m.ovf'), name: 'none' });
    const { jobId } = await engine.client.call('import.start', { planId });
    await engine.client.call('job.cancel', { jobId });
    const job = await engine.ended(jobId);
    expect(job.parts.map(({ outcome }) => outcome)).toEqual(['aborted', 'aborted']);
    expect(await isThere('none')).toBe(false);
  });
});

test('a folder of Clonezilla with two disks is one template, in the order that it lists them', async () => {
  const folder = bench.path('clone');
  mkdirSync(folder);
  writeFileSync(join(folder, 'disk'), 'sdb sda\n');
  writeFileSync(join(folder, 'parts'), 'sda1 sda2 sdb1\n');
  const data = bench.file('sdb.img', 24 * MIB);
  run('sgdisk', '-n', '1:1M:+20M', data);
  run('mkfs.ext4', '-q', '-F', '-E', `offset=${MIB}`, '-d', '/usr/share/dpkg', data, '20M');
  const parts = { sda: disks[0], sdb: data };
  const saved: [string, string, number, number][] = [
    ['sda1', disks[0], 1, 8],
    ['sda2', disks[0], 9, 14],
    ['sdb1', data, 1, 20],
  ];
  for (const [name, path] of Object.entries(parts)) {
    writeFileSync(join(folder, `${name}-pt.sf`), run('sfdisk', '-d', path).replaceAll(path, `/dev/${name}`));
    const bytes = readFileSync(path);
    writeFileSync(join(folder, `${name}-mbr`), bytes.subarray(0, 512));
    writeFileSync(join(folder, `${name}-gpt-1st`), bytes.subarray(0, 34 * 512));
    writeFileSync(join(folder, `${name}-gpt-2nd`), bytes.subarray(bytes.length - 33 * 512));
  }
  for (const [name, path, start, length] of saved) {
    run(
      'sh',
      '-c',
      `dd if=${path} bs=1M skip=${start} count=${length} status=none | gzip > ${folder}/${name}.dd-img.gz`,
    );
  }
  const view = await engine.client.call('import.look', { path: folder });
  expect(view.disks).toMatchObject([
    { name: 'sdb', lengthBytes: 24 * MIB, disk: null },
    { name: 'sda', lengthBytes: 24 * MIB, disk: null },
  ]);
  const job = await importFrom(engine, folder, 'cloned');
  resultOf(job);
  expect(job.parts.map(({ path }) => path)).toEqual([join(folder, 'sdb'), join(folder, 'sda')]);
  expect((await newest('cloned')).disks).toMatchObject([{ role: 'data' }, { role: 'boot' }]);
  await expectEqual('cloned', [data, disks[0]]);
  resultOf(await importFrom(engine, folder, 'one of them', { disk: 2 }));
  await expectEqual('one of them', [disks[0]]);
});
