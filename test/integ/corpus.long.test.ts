/**
 * Nothing is dropped without a word: for disks of every make, the account adds up, and what a deploy leaves out is zeros or known to
 * be free by a foreign tool. What lies around partitions and behind file systems is as its own tools want it.
 */
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DiskView } from '../../src-engine/contract/index.ts';
import { makeExt4, makeGptDisk, makeMbrDisk, noise, place } from '../support/disks.ts';
import { openEngine, refusal, resultOf, type TestEngine } from '../support/engine.ts';
import { recognised } from '../support/judges.ts';
import { expectOnlyFreeLeftOut } from '../support/left-out.ts';
import { canLoop, MIB, run, runWithInput, workbench } from '../support/workbench.ts';
import { detachAll, lvmOn } from './volumes/lvm.ts';

const bench = workbench();
let engine: TestEngine;
beforeAll(async () => {
  engine = await openEngine(bench.path('catalog'));
});
afterAll(() => engine.close());

let count = 0;

/** Captures and deploys a disk. The engine of the tests checks every account's sums. */
async function through(source: string): Promise<{ copy: string; disk: DiskView; name: string }> {
  const name = `corpus ${count++}`;
  resultOf(await engine.capture(source, name));
  const copy = bench.path(`${name}.img`);
  resultOf(await engine.deploy(name, copy));
  const { versions } = await engine.client.call('template.show', { template: name });
  return { copy, disk: versions[0].disks[0].layout, name };
}

function put(bytes: Buffer, path: string, startBytes: number): void {
  writeFileSync(bench.path('piece'), bytes);
  place(bench.path('piece'), path, startBytes);
}

/** An MBR disk with one partition from 1 MiB on. */
function mbrDisk(name: string, lengthMib: number, partMib: number): string {
  const path = bench.file(name, lengthMib * MIB);
  runWithInput(`label: dos\nstart=2048, size=${partMib * 2048}, type=83\n`, 'sfdisk', '-q', path);
  return path;
}

/** An image of a file system of that length, made by its own mkfs. */
function made(kind: string, lengthBytes: number): string {
  const image = bench.file(`${kind}.fs`, lengthBytes);
  const makers: Record<string, string[]> = {
    ext2: ['mkfs.ext2', '-q', '-F', '-b', '1024', image],
    ext4: ['mkfs.ext4', '-q', '-F', image],
    fat: ['mkfs.vfat', image],
    exfat: ['mkfs.exfat', image],
    ntfs: ['mkfs.ntfs', '-q', '-F', '-f', image],
    xfs: ['mkfs.xfs', '-q', '-f', '--unsupported', image],
    btrfs: ['mkfs.btrfs', '-q', '-f', image],
    swap: ['mkswap', image],
  };
  const [tool, ...args] = makers[kind];
  run(tool, ...args);
  return image;
}

describe.skipIf(!canLoop)('disks of every make', () => {
  test.each([
    ['a GPT disk with old content in its gaps', () => makeGptDisk(bench, 'gpt.img').path],
    ['an MBR disk with logical partitions', () => makeMbrDisk(bench, 'mbr.img').path],
    ['a file system on a bare disk', () => makeExt4(bench, 'bare.img', 24 * MIB)],
  ])('%s', async (_, make) => {
    const source = make();
    const { copy } = await through(source);
    expectOnlyFreeLeftOut(bench, source, copy);
  });

  test('every file system, each with data behind it, between the partitions and behind the last', async () => {
    const kinds = { ext2: 12, ext4: 16, fat: 12, exfat: 12, ntfs: 12, xfs: 24, btrfs: 120, swap: 4 };
    const disk = bench.file('all.img', 240 * MIB, 0x5e);
    let at = MIB;
    const parts = Object.entries(kinds).map(([kind, mib], i) => {
      const startBytes = at;
      const lengthBytes = (mib + 1) * MIB;
      at = startBytes + lengthBytes + MIB;
      return { kind, mib, startBytes, lengthBytes, number: i + 1 };
    });
    const create = parts.flatMap(({ number, startBytes, lengthBytes }) => [
      '-n',
      `${number}:${startBytes / 512}:${(startBytes + lengthBytes) / 512 - 1}`,
    ]);
    run('sgdisk', '-o', ...create, disk);
    for (const { kind, mib, startBytes } of parts) place(made(kind, mib * MIB), disk, startBytes);
    const { copy, disk: view } = await through(disk);
    expect(view.account!.free.map(({ by }) => by).sort()).toEqual(
      ['btrfs', 'exfat', 'ext2', 'ext4', 'fat16', 'ntfs', 'swap', 'xfs'].sort(),
    );
    // NTFS alone leaves something: the sectors between its last cluster and the copy of its boot sector
    const zeros = view.account!.pieces.filter(({ zeroBytes }) => zeroBytes > 0);
    const ntfs = parts.find(({ kind }) => kind === 'ntfs')!;
    expect(zeros).toMatchObject([
      { startBytes: ntfs.startBytes + ntfs.mib * MIB - 4096, lengthBytes: 7 * 512, zeroBytes: 7 * 512 },
    ]);
    expect(view.account).toMatchObject({ leftBytes: 0, zeroBytes: 7 * 512 });
    expectOnlyFreeLeftOut(bench, disk, copy);
  });
});

test('sectors of a FAT behind its last whole cluster, of which its table has no record', async () => {
  const disk = bench.file('slack.img', 16 * MIB + 3 * 512);
  run('mkfs.vfat', '-F', '16', '-s', '8', '-a', disk);
  put(noise('slack', 512), disk, 16 * MIB + 2 * 512);
  const { copy } = await through(disk);
  expect(readFileSync(copy).equals(readFileSync(disk))).toBe(true);
});

describe('what belongs to a file system and lies behind it', () => {
  test.skipIf(!canLoop)('the meta-data of DRBD', async () => {
    const disk = mbrDisk('drbd.img', 40, 38);
    const device = bench.attach(disk, '-o', String(MIB), '--sizelimit', String(38 * MIB));
    run('mkfs.ext4', '-q', '-F', device, '32M');
    run('drbdmeta', '--force', '0', 'v08', device, 'internal', 'create-md');
    const dump = (path: string) =>
      run('drbdmeta', '--force', '0', 'v08', path, 'internal', 'dump-md').replaceAll(/^#.*$/gm, '');
    const before = dump(device);
    bench.detach(device);
    const { copy, disk: view } = await through(disk);
    expect(JSON.stringify(view)).toContain('"drbd"');
    const copied = bench.attach(copy, '-o', String(MIB), '--sizelimit', String(38 * MIB));
    expect(dump(copied)).toBe(before);
    bench.detach(copied);
  });

  test.skipIf(!canLoop)('the hash tree of dm-verity, inside a logical volume', async () => {
    const part = { startBytes: MIB, lengthBytes: 46 * MIB };
    const disk = bench.file('verity.img', 48 * MIB);
    runWithInput('label: dos\nstart=2048, size=94208, type=8e\n', 'sfdisk', '-q', disk);
    const lvm = lvmOn(bench, disk, [part]);
    lvm('vgcreate', '-y', '-s', '1M', 'lab', ...lvm.devices);
    lvm.create('-Wn', '-L', '24M', '-n', 'root', 'lab');
    const volume = bench.file('root.lv', 24 * MIB);
    run('mkfs.ext4', '-q', '-F', '-b', '4096', volume, '16M');
    const geometry = [`--hash-offset=${16 * MIB}`, '--data-blocks=4096'];
    const hash = /Root hash:\s*(\S+)/.exec(run('veritysetup', 'format', volume, volume, ...geometry))![1];
    lvm.fill('lab/root', volume);
    detachAll(bench, lvm);
    const { copy, disk: view } = await through(disk);
    expect(view.account!.pieces.flatMap(({ names }) => names)).toContain('verity');
    const copied = lvmOn(bench, copy, [part]);
    const back = copied.cut('lab/root', copy, [part], bench.path('root.back'));
    detachAll(bench, copied);
    run('veritysetup', 'verify', back, back, hash, ...geometry);
  });
});

describe('what stands around partitions', () => {
  test('an ISO 9660 from sector 0 around a table, with an extra partition behind it', async () => {
    const tree = bench.path('tree');
    run('mkdir', tree);
    writeFileSync(bench.path('tree', 'big'), noise('iso', 3 * MIB));
    const disk = bench.path('iso.img');
    run('xorriso', '-as', 'mkisofs', '-quiet', '-r', '-V', 'FIELD', '-o', disk, tree);
    truncateSync(disk, 20 * MIB);
    const table = 'label: dos\nstart=64, size=64, type=ef\nstart=20480, size=8192, type=83\n';
    runWithInput(table, 'sfdisk', '-q', '--wipe', 'never', disk);
    const { copy } = await through(disk);
    expect(recognised(copy)).toContain('LABEL="FIELD"');
    expect(expectOnlyFreeLeftOut(bench, disk, copy)).toBe(0);
  });

  test('firmware 65 MiB into a wide gap, a partition that is no more, the end of the disk', async () => {
    const disk = bench.file('firmware.img', 96 * MIB);
    runWithInput(`label: dos\nstart=${80 * 2048}, size=8192, type=83\n`, 'sfdisk', '-q', disk);
    put(noise('firmware', 300_000), disk, 65 * MIB + 512);
    put(noise('end', 700), disk, 96 * MIB - 700);
    const { copy, disk: view } = await through(disk);
    expect(expectOnlyFreeLeftOut(bench, disk, copy)).toBe(0);
    expect(view.account!.pieces.map(({ place }) => place)).toEqual(['before-first', 'behind-last']);
  });

  /** Intel's mirror: its metadata is the last but one sector of the disk. */
  function mirrorDisk(name: string): string {
    const disk = mbrDisk(name, 20, 10);
    put(Buffer.from('Intel Raid ISM Cfg Sig. 1.3.00\0\0'), disk, 20 * MIB - 1024);
    return disk;
  }

  test('the metadata of a mirror at the end is told, taken, and out of place on a disk of another size', async () => {
    const disk = mirrorDisk('isw.img');
    expect(recognised(disk)).toContain('isw_raid_member');
    const { copy, disk: view, name } = await through(disk);
    expect(recognised(copy)).toContain('isw_raid_member');
    const told = JSON.stringify(view);
    expect(told).toContain('isw_raid_member');
    const larger = await engine.client.call('deploy.plan', {
      template: name,
      target: bench.path('larger.img'),
      lengthBytes: 24 * MIB,
    });
    const smaller = await engine.client.call('deploy.plan', {
      template: name,
      target: bench.path('smaller.img'),
      lengthBytes: 16 * MIB,
    });
    expect(larger.checks).toContainEqual(expect.objectContaining({ code: 'OUTSIDE_ELSEWHERE', level: 'warn' }));
    expect(smaller.canRun).toBe(false);
  });

  test('what has no place on a smaller target is left out where a person says so', async () => {
    const disk = mbrDisk('behind.img', 20, 10);
    put(noise('behind', 5000), disk, 18 * MIB);
    const { name } = await through(disk);
    const target = bench.path('cut.img');
    const asked = { template: name, target, lengthBytes: 16 * MIB };
    const plan = await engine.client.call('deploy.plan', asked);
    expect(plan.canRun).toBe(false);
    const taken = await engine.client.call('deploy.plan', { ...asked, overrides: ['OUTSIDE_DOES_NOT_FIT'] });
    expect(taken.canRun).toBe(true);
    const { jobId } = await engine.client.call('deploy.start', { planId: taken.planId });
    resultOf(await engine.ended(jobId));
    const cut = readFileSync(disk).subarray(0, 16 * MIB);
    expect(readFileSync(target).equals(cut)).toBe(true);
  });

  test('a moved backup GPT is never covered by what was taken', async () => {
    const disk = bench.file('moved.img', 20 * MIB, 0x5e);
    run('sgdisk', '-o', '-n', '1:2048:8191', disk);
    const { name } = await through(disk);
    const target = bench.path('moved-smaller.img');
    const plan = await engine.client.call('deploy.plan', {
      template: name,
      target,
      lengthBytes: 12 * MIB,
      overrides: ['OUTSIDE_DOES_NOT_FIT'],
    });
    const { jobId } = await engine.client.call('deploy.start', { planId: plan.planId });
    resultOf(await engine.ended(jobId));
    expect(run('sgdisk', '-v', target)).toContain('No problems found');
  });
});

describe.skipIf(!canLoop)('much unknown data on a device', () => {
  let device: string;
  let disk: string;
  beforeAll(() => {
    disk = mbrDisk('much.img', 100, 4);
    put(noise('deleted partition', 80 * MIB), disk, 10 * MIB);
    device = bench.attach(disk);
  });

  test('is asked for', async () => {
    const plan = await engine.client.call('capture.plan', { source: device, name: 'much' });
    expect(plan.canRun).toBe(false);
    expect(plan.checks.find(({ level }) => level === 'block')).toMatchObject({
      code: 'OUTSIDE_UNDECIDED',
      data: { lengthBytes: 80 * MIB, offset: 5 * MIB },
    });
    expect((await refusal(engine.client.call('capture.start', { planId: plan.planId }))).code).toBe('PLAN_BLOCKED');
  });

  test('is taken, or left out and told', async () => {
    resultOf(await engine.capture(device, 'taken', { outside: 'take' }));
    resultOf(await engine.capture(device, 'left', { outside: 'leave' }));
    const accounts = await Promise.all(
      ['taken', 'left'].map(async (template) => (await engine.client.call('template.show', { template })).versions[0]),
    );
    expect(accounts[0].disks[0].layout.account).toMatchObject({ takenBytes: 80 * MIB, leftBytes: 0, outside: 'take' });
    expect(accounts[1].disks[0].layout.account).toMatchObject({ takenBytes: 0, leftBytes: 80 * MIB, outside: 'leave' });
    expect(accounts[1].warnings).toContainEqual(expect.objectContaining({ code: 'OUTSIDE_LEFT' }));
    const log = await engine.client.call('log.list', {});
    expect(log.find(({ subject }) => subject === 'left')!.data).toMatchObject({
      outside: 'leave',
      leftBytes: 80 * MIB,
    });
    resultOf(await engine.deploy('taken', bench.path('taken.img')));
    expect(expectOnlyFreeLeftOut(bench, disk, bench.path('taken.img'))).toBe(0);
  });
});
