/** Looking inside templates of every kind of volume: logical volumes, several file systems, versions side by side. */
import { appendFileSync, mkdirSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { noise, type Part } from '../support/disks.ts';
import { openEngine, refusal, resultOf, type TestEngine } from '../support/engine.ts';
import { proves } from '../support/matrix.ts';
import { withNtfs3g } from '../support/ntfs.ts';
import { canLoop, MIB, run, workbench } from '../support/workbench.ts';
import { detachAll, lvmOn } from './volumes/lvm.ts';

const bench = workbench();
let engine: TestEngine;
beforeAll(async () => void (engine = await openEngine(bench.path('catalog'))));
afterAll(() => engine.close());

const compare = (before: string, after: string) => engine.client.call('files.compare', { before, after });
const told = ({ changes }: Awaited<ReturnType<typeof compare>>) =>
  changes.map(({ volume, change, path }) => `${volume} ${change} ${path}`);

/** Fills a mounted file system the same way at every call. */
function fill(point: string): void {
  mkdirSync(join(point, 'folder'));
  for (let i = 0; i < 20; i++) writeFileSync(join(point, 'folder', `file ${i}`), noise(`file ${i}`, i * 1500));
  writeFileSync(join(point, 'large'), noise('large', 3 * MIB));
  writeFileSync(join(point, 'removed'), 'removed');
  writeFileSync(join(point, 'touched'), 'touched');
}

/** What the second version differs in. */
function change(point: string): void {
  const { atime, mtime } = statSync(join(point, 'large'));
  writeFileSync(join(point, 'large'), noise('other', 3 * MIB), { flag: 'r+' });
  // who changes a file and puts its time back changes it all the same
  utimesSync(join(point, 'large'), atime, mtime);
  utimesSync(join(point, 'touched'), 1, 1);
  appendFileSync(join(point, 'folder', 'file 7'), 'more');
  writeFileSync(join(point, 'added'), 'added');
  rmSync(join(point, 'removed'));
}

const CHANGES = ['added /added', 'changed /folder/file 7', 'changed /large', 'removed /removed'];

describe.skipIf(!canLoop)('each file system', () => {
  const SYSTEMS = [
    { kind: 'ext4', mkfs: ['mkfs.ext4', '-q'], options: 'loop' },
    { kind: 'xfs', mkfs: ['mkfs.xfs', '-q', '--unsupported'], options: 'loop' },
    { kind: 'btrfs', mkfs: ['mkfs.btrfs', '-q'], options: 'loop' },
    { kind: 'ntfs', mkfs: ['mkfs.ntfs', '-q', '-F', '-Q'], options: null },
  ];

  test.each(SYSTEMS)('$kind: versions compared, saved as the driver shows them', async ({ kind, mkfs, options }) => {
    const image = bench.file(`${kind}.img`, 120 * MIB);
    run(mkfs[0], ...mkfs.slice(1), image);
    const mounted = async (work: (point: string) => void) => {
      if (options === null) return withNtfs3g(image, '', work);
      const point = bench.mount(image, options);
      work(point);
      bench.unmount(point);
    };
    await mounted(fill);
    resultOf(await engine.capture(image, kind));
    await mounted(change);
    resultOf(await engine.capture(image, kind));

    const comparison = await compare(`${kind}@1`, `${kind}@2`);
    expect(told(comparison)).toEqual(CHANGES.map((line) => `0 ${line}`));
    expect(comparison).toMatchObject({ isCut: false, notCompared: [], added: { files: 1, lengthBytes: 5 } });
    expect(
      told(await compare(`${kind}@2`, `${kind}@1`))
        .map((line) => line.split(' ')[1])
        .sort(),
    ).toEqual(
      CHANGES.map((line) => ({ added: 'removed', changed: 'changed', removed: 'added' })[line.split(' ')[0]]).sort(),
    );

    const destination = bench.path(`saved ${kind}`);
    mkdirSync(destination);
    const request = { template: kind, volume: '0', path: '/', destination };
    resultOf(await engine.ended((await engine.client.call('files.extract', request)).jobId));
    await mounted((point) => run('diff', '-r', point, join(destination, `${kind} 0`)));
  });
});

describe.skipIf(!canLoop)('a volume group', () => {
  const PARTS: Part[] = [
    { startBytes: MIB, lengthBytes: 60 * MIB },
    { startBytes: 61 * MIB, lengthBytes: 60 * MIB },
  ];
  let root: string;

  beforeAll(async () => {
    const disk = bench.file('lvm.img', 124 * MIB);
    run('sgdisk', '-n', '1:1M:+60M', '-t', '1:8e00', '-n', '2:61M:+60M', '-t', '2:8e00', disk);
    const lvm = lvmOn(bench, disk, PARTS);
    lvm('vgcreate', '-y', '-s', '1M', 'lab', ...lvm.devices);
    lvm.create('-Wn', '-L', '30M', '-n', 'root', 'lab', lvm.devices[0]);
    lvm.create('-Wn', '-i2', '-I', '64k', '-L', '30M', '-n', 'data', 'lab');
    lvm('lvextend', '--driverloaded', 'n', '-L', '40M', 'lab/root', lvm.devices[1]);
    root = bench.file('root.img', 40 * MIB);
    const data = bench.file('data.img', 30 * MIB);
    for (const image of [root, data]) {
      run('mkfs.ext4', '-q', image);
      const point = bench.mount(image, 'loop');
      fill(point);
      bench.unmount(point);
    }
    lvm.fill('lab/root', root);
    lvm.fill('lab/data', data);
    resultOf(await engine.capture(disk, 'lvm'));
    const point = bench.mount(data, 'loop');
    change(point);
    bench.unmount(point);
    lvm.fill('lab/data', data);
    resultOf(await engine.capture(disk, 'lvm'));
    detachAll(bench, lvm);
  });

  test('its volumes are looked into by name', async (context) => {
    proves(
      context,
      { subject: 'LVM2', feature: 'linear volumes', aspect: 'files', judge: 'kernel' },
      { subject: 'LVM2', feature: 'striped volumes', aspect: 'files', judge: 'kernel' },
    );
    const volumes = await engine.client.call('files.volumes', { template: 'lvm' });
    expect(volumes.map(({ ref, kind, refusal: why }) => [ref, kind, why?.code ?? null])).toEqual([
      ['1', null, 'NO_FILE_SYSTEM'],
      ['2', null, 'NO_FILE_SYSTEM'],
      ['lab/root', 'ext4', null],
      ['lab/data', 'ext4', null],
    ]);
    for (const [name, image] of [
      ['root', root],
      ['data', bench.path('data.img')],
    ]) {
      const destination = bench.path(`saved ${name}`);
      mkdirSync(destination);
      const request = { template: 'lvm', volume: `lab/${name}`, path: '/', destination };
      resultOf(await engine.ended((await engine.client.call('files.extract', request)).jobId));
      const point = bench.mount(image, 'loop,ro,noload');
      run('diff', '-r', point, join(destination, readdirSync(destination)[0]));
      bench.unmount(point);
    }
  });

  test('and compared, each with itself', async () => {
    const comparison = await compare('lvm@1', 'lvm@2');
    expect(told(comparison)).toEqual(CHANGES.map((line) => `lab/data ${line}`));
    expect(comparison.notCompared).toEqual([]);
  });

  test('volumes that only one version has are named', async () => {
    expect(await compare('ext4', 'lvm')).toMatchObject({ notCompared: ['0', 'lab/root', 'lab/data'], changes: [] });
  });
});

describe.skipIf(!canLoop)('contents that moved inside a file', () => {
  test('are a change, though the blocks, the chunks and the length are the same', async () => {
    const image = bench.file('moved.img', 64 * MIB);
    run('mkfs.ext4', '-q', '-b', '4096', image);
    let point = bench.mount(image, 'loop');
    // far from the tables, which change too
    writeFileSync(join(point, 'filler'), noise('filler', 30 * MIB));
    run('sync', '-f', point);
    const path = join(point, 'file');
    writeFileSync(path, Buffer.concat([noise('one', 4096), noise('two', 4096)]));
    run('sync', '-f', point);
    run('truncate', '-s', '12288', path);
    utimesSync(path, 5, 5);
    bench.unmount(point);
    resultOf(await engine.capture(image, 'moved'));
    point = bench.mount(image, 'loop');
    run('fallocate', '-i', '-o', '0', '-l', '4096', join(point, 'file'));
    run('truncate', '-s', '12288', join(point, 'file'));
    utimesSync(join(point, 'file'), 5, 5);
    bench.unmount(point);
    resultOf(await engine.capture(image, 'moved'));
    expect(told(await compare('moved@1', 'moved@2'))).toEqual(['0 changed /file']);
  });
});

describe.skipIf(!canLoop)('a template that is deleted', () => {
  test('is closed at once: a prune reclaims all of it', async () => {
    const image = bench.file('gone.img', 24 * MIB);
    run('mkfs.ext4', '-q', image);
    resultOf(await engine.capture(image, 'gone'));
    await engine.client.call('files.list', { template: 'gone', volume: '0', path: '/' });
    await engine.client.call('template.delete', { template: 'gone' });
    expect(await refusal(engine.client.call('files.list', { template: 'gone', volume: '0', path: '/' }))).toMatchObject(
      { code: 'TEMPLATE_NOT_FOUND' },
    );
    const pruned = await engine.prune();
    resultOf(pruned);
    expect(pruned.warnings).toEqual([]);
  });
});

describe.skipIf(!canLoop)('a comparison that is cancelled', () => {
  test('ends as aborted', async () => {
    const abort = new AbortController();
    const comparing = engine.client.call('files.compare', { before: 'lvm@1', after: 'lvm@2' }, abort.signal);
    abort.abort();
    expect(await refusal(comparing)).toMatchObject({ code: 'ABORTED' });
  });
});
