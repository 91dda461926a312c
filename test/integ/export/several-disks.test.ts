/** Templates of several disks taken out: all of them in an OVA, in a package, or in a file for each. Judged by the tools of others. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { noise } from '../../support/disks.ts';
import { openEngine, refusal, resultOf, type TestEngine } from '../../support/engine.ts';
import { virtualBoxOvf } from '../../support/ovf.ts';
import { exportTo, importFrom } from '../../support/transfer.ts';
import { MIB, run, workbench } from '../../support/workbench.ts';

const bench = workbench();
/** Every byte that is not used is a zero. */
const disks = [bench.file('system.img', 24 * MIB), bench.file('data.img', 40 * MIB)];
let engine: TestEngine;

/** An OVA as another program makes it: its descriptor, VMDKs of qemu-img's, the archive of tar's. */
function foreignOva(): string {
  const folder = bench.path('foreign');
  mkdirSync(folder);
  const described = disks.map((disk, i) => {
    const href = `lab-disk00${i + 1}.vmdk`;
    run('qemu-img', 'convert', '-O', 'vmdk', '-o', 'subformat=streamOptimized', disk, join(folder, href));
    return { href, capacityBytes: statSync(disk).size };
  });
  writeFileSync(join(folder, 'lab.ovf'), virtualBoxOvf('lab', described));
  const names = ['lab.ovf', ...described.map(({ href }) => href)];
  run('tar', '--format=ustar', '-cf', bench.path('lab.ova'), '-C', folder, ...names);
  return bench.path('lab.ova');
}

beforeAll(async () => {
  const [system, data] = disks;
  run('sgdisk', '-n', '1:1M:+8M', '-t', '1:ef00', '-n', '2:9M:+14M', system);
  run('mkfs.vfat', '--offset', '2048', system, '8192');
  run('mkfs.ext4', '-q', '-F', '-E', `offset=${9 * MIB}`, '-d', '/usr/share/dpkg', system, '14M');
  writeFileSync(bench.path('noise'), noise('data', 5 * MIB));
  run('mkfs.ext4', '-q', '-F', data);
  run('debugfs', '-w', '-R', `write ${bench.path('noise')} noise`, data);
  engine = await openEngine(bench.path('catalog'));
  resultOf(await importFrom(engine, foreignOva(), 'lab'));
});
afterAll(() => engine.close());

function expectSame(original: string, image: string, format: string): void {
  expect(run('qemu-img', 'compare', '-f', 'raw', '-F', format, original, image)).toContain('identical');
}

test('an OVA of another program comes out of Diskpress as an OVA with both disks, each on its port', async () => {
  const { plan, job } = await exportTo(engine, 'lab', 'ova', bench.path('out.ova'));
  resultOf(job);
  expect(plan).toMatchObject({ disk: null, files: [{ disk: null, path: plan.path }] });
  const folder = bench.path('opened');
  mkdirSync(folder);
  run('tar', '-xf', plan.path, '-C', folder);
  expect(run('tar', '-tf', plan.path).trim().split('\n')).toEqual([
    'lab.ovf',
    'lab-disk1.vmdk',
    'lab-disk2.vmdk',
    'lab.mf',
  ]);
  for (const [i, disk] of disks.entries()) {
    const image = join(folder, `lab-disk${i + 1}.vmdk`);
    run('qemu-img', 'check', '-f', 'vmdk', image);
    expectSame(disk, image, 'vmdk');
  }
  for (const line of readFileSync(join(folder, 'lab.mf'), 'utf8').trim().split('\n')) {
    const [, name, sum] = /^SHA256\((.*)\)= (\w+)$/.exec(line)!;
    expect(run('sha256sum', join(folder, name))).toContain(sum);
  }
  // as another program reads it: which file each disk is, how long, on which port of which controller
  const script = `
import sys, json, xml.etree.ElementTree as e
O = '{http://schemas.dmtf.org/ovf/envelope/1}'
R = '{http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData}'
t = e.parse(sys.argv[1]).getroot()
files = {f.get(O + 'id'): (f.get(O + 'href'), int(f.get(O + 'size'))) for f in t.iter(O + 'File')}
items = {i.findtext(R + 'InstanceID'): i for i in t.iter(O + 'Item')}
drives = {i.findtext(R + 'HostResource'): i for i in items.values() if i.findtext(R + 'ResourceType') == '17'}
out = []
for d in t.iter(O + 'Disk'):
    i = drives['ovf:/disk/' + d.get(O + 'diskId')]
    c = items[i.findtext(R + 'Parent')]
    out.append([*files[d.get(O + 'fileRef')], int(d.get(O + 'capacity')), c.findtext(R + 'ResourceType'), c.findtext(R + 'Address'), i.findtext(R + 'AddressOnParent')])
print(json.dumps(out))`;
  const told = JSON.parse(run('python3', '-c', script, join(folder, 'lab.ovf'))) as unknown[];
  expect(told).toEqual(
    disks.map((disk, i) => {
      const name = `lab-disk${i + 1}.vmdk`;
      return [name, statSync(join(folder, name)).size, statSync(disk).size, '20', '0', String(i)];
    }),
  );
  resultOf(await importFrom(engine, plan.path, 'again'));
  const [again] = (await engine.client.call('template.show', { template: 'again' })).versions;
  expect(again.disks).toMatchObject([
    { role: 'boot', bus: 'sata', address: '0:0' },
    { role: 'data', bus: 'sata', address: '0:1' },
  ]);
});

describe('formats of one disk', () => {
  test.each([
    ['raw', 'raw', 'img'],
    ['qcow2', 'qcow2', 'qcow2'],
    ['vmdk', 'vmdk', 'vmdk'],
  ] as const)('%s: a file for each, with the number of its disk', async (format, judged, ending) => {
    const folder = bench.path(`out-${format}`);
    mkdirSync(folder);
    const { plan, job } = await exportTo(engine, 'lab', format, folder);
    resultOf(job);
    expect(readdirSync(folder).sort()).toEqual([`lab-disk1.${ending}`, `lab-disk2.${ending}`]);
    expect(plan.files.map(({ disk, path }) => [disk, path])).toEqual(
      [1, 2].map((disk) => [disk, join(folder, `lab-disk${disk}.${ending}`)]),
    );
    expect(plan.atMostBytes).toBe(plan.files.reduce((sum, { atMostBytes }) => sum + atMostBytes, 0));
    expect(job.parts.map(({ path, outcome }) => [path, outcome])).toEqual(plan.files.map(({ path }) => [path, 'done']));
    for (const [i, disk] of disks.entries()) expectSame(disk, plan.files[i].path, judged);
  });

  test('under a name that was said, which each of them shares', async () => {
    const { plan, job } = await exportTo(engine, 'lab', 'raw', bench.path('my lab.raw'));
    resultOf(job);
    expect(plan.files.map(({ path }) => path)).toEqual(
      ['my lab-disk1.raw', 'my lab-disk2.raw'].map((one) => bench.path(one)),
    );
    for (const [i, disk] of disks.entries()) run('cmp', disk, plan.files[i].path);
    expect(existsSync(bench.path('my lab.raw'))).toBe(false);
  });

  test.each([
    ['', `${'x'.repeat(249)}.img`],
    [' in its ending', `x.${'é'.repeat(120)}`],
  ])('under a name that is too long for a number%s', async (_, name) => {
    const { plan, job } = await exportTo(engine, 'lab', 'raw', bench.path(name));
    resultOf(job);
    expect(new Set(plan.files.map(({ path }) => path)).size).toBe(2);
    for (const [i, disk] of disks.entries()) run('cmp', disk, plan.files[i].path);
    for (const { path } of plan.files) rmSync(path);
  });

  test('one of them, where one is asked for', async () => {
    const client = engine.client;
    for (const [format, file, judged] of [
      ['raw', 'one.img', 'raw'],
      ['ova', 'one.ova', null],
    ] as const) {
      const plan = await client.call('export.plan', { template: 'lab', disk: 2, format, path: bench.path(file) });
      expect(plan).toMatchObject({ disk: 2, path: bench.path(file), files: [{ disk: 2 }] });
      const { jobId } = await client.call('export.start', { planId: plan.planId });
      resultOf(await engine.ended(jobId));
      if (judged) expectSame(disks[1], plan.path, judged);
      else expect(run('tar', '-tf', plan.path).trim().split('\n')).toEqual(['lab.ovf', 'lab-disk1.vmdk', 'lab.mf']);
    }
  });

  test('replace nothing unasked, and name what is there', async () => {
    const folder = bench.path('there');
    mkdirSync(folder);
    const second = join(folder, 'lab-disk2.img');
    copyFileSync('/etc/hostname', second);
    const plan = await engine.client.call('export.plan', { template: 'lab', format: 'raw', path: folder });
    expect(plan).toMatchObject({ needsOverwrite: true, files: [{ needsOverwrite: false }, { needsOverwrite: true }] });
    expect(await refusal(engine.client.call('export.start', { planId: plan.planId }))).toMatchObject({
      code: 'OVERWRITE_REQUIRED',
      data: { path: second },
    });
    expect(readdirSync(folder)).toEqual(['lab-disk2.img']);
    resultOf((await exportTo(engine, 'lab', 'raw', folder, { overwrite: true })).job);
    run('cmp', disks[1], second);
  });
});

test('a package carries both to another catalog', async () => {
  const path = bench.path('lab.7z');
  resultOf((await exportTo(engine, 'lab', 'package', path)).job);
  const there = await openEngine(bench.path('there.catalog'));
  try {
    resultOf(await importFrom(there, path, 'lab'));
    resultOf(await there.verify());
    const { plan, job } = await exportTo(there, 'lab', 'raw', bench.path('from package.img'));
    resultOf(job);
    for (const [i, disk] of disks.entries()) run('cmp', disk, plan.files[i].path);
  } finally {
    await there.close();
  }
});
