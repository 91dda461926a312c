/** What people ran into and were told the wrong thing about: the reason is the one that it is, with the way out. */
import { truncateSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { commandLine } from '../support/command-line.ts';
import { makeExt4, makeNoiseDisk, makeSlowDisk } from '../support/disks.ts';
import { openEngine, refusal, resultOf, type TestEngine } from '../support/engine.ts';
import { virtualBoxOvf } from '../support/ovf.ts';
import { exportTo, importFrom } from '../support/transfer.ts';
import { MIB, run, workbench } from '../support/workbench.ts';

const bench = workbench();
const catalog = bench.path('catalog');
let engine: TestEngine;

beforeAll(async () => {
  engine = await openEngine(catalog);
  resultOf(await engine.capture(makeExt4(bench, 'lab.img', 16 * MIB), 'lab'));
});
afterAll(() => engine.close());

test('a package of a template that is here is a version of that one: the name that was given is told as not used', async () => {
  const path = bench.path('lab.dpk');
  resultOf((await exportTo(engine, 'lab', 'package', path)).job);
  const told = { code: 'IMPORT_NAME_NOT_USED', data: { name: 'other', template: 'lab' } };
  const plan = await engine.client.call('import.plan', { path, name: 'other' });
  expect(plan).toMatchObject({
    name: 'lab',
    canRun: true,
    checks: expect.arrayContaining([{ ...told, level: 'warn' }]),
  });
  const job = await engine.ended((await engine.client.call('import.start', { planId: plan.planId })).jobId);
  resultOf(job);
  expect(job.warnings).toContainEqual(told);
  const same = await importFrom(engine, path, 'lab');
  expect(same.warnings.map(({ code }) => code)).not.toContain(told.code);
});

test.each(['nothing.img', 'no-folder/disk.img'])('an import of %s, which is not there', async (name) => {
  const path = bench.path(name);
  expect(await refusal(engine.client.call('import.plan', { path, name: 'new' }))).toMatchObject({
    code: 'SOURCE_NOT_FOUND',
    data: { path },
  });
});

describe('a machine', () => {
  const lengthBytes = 4 * MIB;
  beforeAll(() => {
    const raw = makeNoiseDisk(bench, 'm.raw', lengthBytes);
    run('qemu-img', 'convert', '-O', 'vmdk', '-o', 'subformat=streamOptimized', raw, bench.path('m-disk001.vmdk'));
  });
  const write = (capacityBytes: number) =>
    writeFileSync(bench.path('m.ovf'), virtualBoxOvf('m', [{ href: 'm-disk001.vmdk', capacityBytes }]));
  const look = (path: string) => engine.client.call('import.look', { path });

  test('whose descriptor gives a disk another size than its file has: the file counts, and that is told', async () => {
    write(lengthBytes);
    expect((await look(bench.path('m.ovf'))).warnings.map(({ code }) => code)).not.toContain('CAPACITY_DIFFERS');
    write(8 * MIB);
    const { warnings, disk } = await look(bench.path('m.ovf'));
    expect(disk!.lengthBytes).toBe(lengthBytes);
    expect(warnings).toContainEqual({
      code: 'CAPACITY_DIFFERS',
      data: { path: 'm-disk001.vmdk', saidBytes: 8 * MIB, lengthBytes },
    });
  });

  test('whose archive lacks a disk: which file of which descriptor', async () => {
    write(lengthBytes);
    run('tar', '-C', bench.folder, '-cf', bench.path('m.ova'), 'm.ovf');
    const error = await refusal(look(bench.path('m.ova')));
    expect(error).toMatchObject({ code: 'FILE_MISSING', data: { path: 'm-disk001.vmdk', of: 'm.ovf' } });
  });
});

test.skipIf(process.platform !== 'linux')('a place of the kernel’s is not a full disk', async () => {
  const kernel = { code: 'BAD_REQUEST', data: { reason: 'kernel' } };
  const { jobId } = await engine.client.call('files.extract', {
    ...{ template: 'lab', volume: '0', path: '/', destination: '/proc/self' },
  });
  expect((await engine.ended(jobId)).error).toMatchObject(kernel);
  const deploy = engine.client.call('deploy.plan', { template: 'lab', target: '/proc/self/x.img' });
  expect(await refusal(deploy)).toMatchObject(kernel);
});

test('an image that is cut short while it is captured has changed: no cable is to blame', async () => {
  const source = makeSlowDisk(bench, 'slow.img');
  const { planId } = await engine.client.call('capture.plan', { source, name: 'slow' });
  const { jobId } = await engine.client.call('capture.start', { planId });
  await engine.reached(jobId, 'capturing');
  truncateSync(source, MIB);
  expect((await engine.ended(jobId)).error).toMatchObject({ code: 'SOURCE_CHANGED', data: { path: source } });
});

test('a raw disk on which somebody wrote the header of an image is refused with the way: --format raw', async () => {
  const disk = makeNoiseDisk(bench, 'served.img', 4 * MIB);
  // a qcow2 of a version that nobody reads
  run('sh', '-c', `printf 'QFI\\373\\0\\0\\0\\143' | dd of='${disk}' conv=notrunc 2>/dev/null`);
  const diskpress = commandLine(catalog);
  const [refused, taken] = await Promise.all([
    diskpress('inspect', disk),
    diskpress('inspect', disk, '--format', 'raw'),
  ]);
  expect(refused.code).toBe(8);
  expect(refused.err).toContain('--format raw');
  expect(taken.code).toBe(0);
  // a name that says qcow2 is believed
  run('cp', disk, bench.path('named.qcow2'));
  expect((await diskpress('inspect', bench.path('named.qcow2'))).err).not.toContain('--format raw');
});
