/**
 * Deploys of groups of LVM2 onto targets of another size. LVM2's own tools say what is there; logical volumes are put together as they say
 * that they lie, and judged by the checkers of their file systems.
 */
import { readdirSync, rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { VolumeChoice } from '../../src-engine/contract/deploy.contract.ts';
import type { Part } from '../support/disks.ts';
import { openEngine, resultOf, type TestEngine } from '../support/engine.ts';
import { treeOf } from '../support/file-trees.ts';
import { otherProcess } from '../support/other-process.ts';
import { EXT4, fillTree, undated, withMounted, XFS, type Kind } from '../support/resized-kinds.ts';
import { canLoop, MIB, run, runWithInput, workbench } from '../support/workbench.ts';
import { detachAll, lvmOn, volumeText, type Lvm } from './volumes/lvm.ts';

const bench = workbench();
let engine: TestEngine;

beforeAll(async () => {
  engine = await openEngine(bench.path('catalog'));
});
afterAll(() => engine.close());

const EXTENT = 4 * MIB;
const GPT = 'label: gpt\n1 : start=1MiB, size=8MiB, type=uefi\n2 : size=240MiB, type=lvm\n';

function partsOf(image: string): Part[] {
  const table = run('sh', '-c', 'sfdisk -J "$1" 2> /dev/null || true', '-', image);
  // a disk that is a physical volume as a whole
  if (table === '') return [{ startBytes: 0, lengthBytes: Number(run('stat', '-c', '%s', image)) }];
  const { partitiontable } = JSON.parse(table) as { partitiontable: { partitions: { start: number; size: number }[] } };
  return partitiontable.partitions.map(({ start, size }) => ({ startBytes: start * 512, lengthBytes: size * 512 }));
}

/** Lets LVM2's tools work on the last partition of an image. */
function onMember<T>(image: string, work: (lvm: Lvm, member: Part) => T): T {
  const member = partsOf(image).at(-1)!;
  const lvm = lvmOn(bench, image, [member]);
  try {
    return work(lvm, member);
  } finally {
    detachAll(bench, lvm);
  }
}

/** @param create pieces of volumes, in their order: of one that is there already, as more of it @param fills by volume */
function makeLvmDisk(
  name: string,
  create: readonly (readonly [string, number])[],
  fills: Readonly<Record<string, (device: string) => void>>,
  { lengthBytes = 252 * MIB, script = GPT, physical = [] as string[], group = [] as string[] } = {},
): string {
  const image = bench.file(`${name}.img`, lengthBytes);
  if (script !== '') runWithInput(script, 'sfdisk', '-q', image);
  onMember(image, (lvm) => {
    lvm('pvcreate', ...physical, lvm.devices[0]);
    lvm('vgcreate', ...group, name, lvm.devices[0]);
    for (const [i, [volume, extents]] of create.entries()) {
      if (create.findIndex(([other]) => other === volume) === i) {
        lvm.create('-Wn', '-l', String(extents), '-n', volume, name);
      } else lvm('lvextend', '--driverloaded', 'n', '-l', `+${extents}`, `${name}/${volume}`);
    }
    for (const [volume, fill] of Object.entries(fills)) {
      const bytes = lvm.segmentsOf(`${name}/${volume}`).reduce((sum, { areas }) => sum + areas[0].lengthBytes, 0);
      const part = bench.file('filled.part', bytes);
      const device = bench.attach(part);
      fill(device);
      bench.detach(device);
      lvm.fill(`${name}/${volume}`, part, true);
      rmSync(part);
    }
  });
  return image;
}

const filled = (kind: Kind) => (device: string) => {
  kind.make(device);
  withMounted(bench, device, kind, 'rw', (point) => fillTree(point, kind));
};
const swap = (device: string) => run('mkswap', '-L', 'swapped', device);

/** A logical volume put together as LVM2 says that it lies. @returns a file */
function assembled(image: string, volume: string): string {
  const file = bench.path(`${volume.replace('/', '-')}.part`);
  return onMember(image, (lvm, member) => lvm.cut(volume, image, [member], file));
}

const treeIn = (file: string, kind: Kind) => withMounted(bench, file, kind, 'loop,ro', treeOf);

function planned(template: string, lengthBytes: number, volumes: VolumeChoice[] = []) {
  return engine.client.call('deploy.plan', { template, target: bench.path('planned.img'), lengthBytes, volumes });
}

/** The group is sound, has the length of its partition, and all its volumes lie in one piece each. @returns their extents */
function extentsOf(image: string, group: string): Record<string, number> {
  return onMember(image, (lvm, member) => {
    lvm('pvck', lvm.devices[0]);
    lvm('vgck', group);
    const [deviceBytes, startBytes, free] = lvm(
      'pvs',
      ...['--noheadings', '--units', 'b', '--nosuffix', '-o', 'dev_size,pe_start,pv_free'],
      lvm.devices[0],
    )
      .trim()
      .split(/ +/)
      .map(Number);
    expect(deviceBytes).toBe(member.lengthBytes);
    expect(startBytes + free).toBeLessThanOrEqual(member.lengthBytes);
    const lines = lvm('lvs', '--noheadings', '--units', 'b', '--nosuffix', '-o', 'lv_name,lv_size,seg_count', group);
    const sizes = lines
      .trim()
      .split('\n')
      .map((line) => line.trim().split(/ +/));
    expect(sizes.map(([, , count]) => count)).toEqual(sizes.map(() => '1'));
    const extent = Number(lvm('vgs', '--noheadings', '--units', 'b', '--nosuffix', '-o', 'vg_extent_size', group));
    return Object.fromEntries(sizes.map(([name, bytes]) => [name, Number(bytes) / extent]));
  });
}

function expectSame(kind: Kind, source: string, target: string, volume: string): void {
  const before = undated(treeIn(assembled(source, volume), kind));
  const file = assembled(target, volume);
  expect(kind.judge(file)).toBeGreaterThan(0);
  expect(undated(treeIn(file, kind))).toBe(before);
}

const scratch = () => readdirSync(bench.path('catalog', 'scratch'));

describe.skipIf(!canLoop)('a larger target', () => {
  test.each<[string, [string, number][]]>([
    ['in one piece', [['root', 40]]],
    [
      'in several pieces',
      [
        ['root', 40],
        ['swap', 6],
      ],
    ],
  ])('the group, the volume and its file system grow: %s', async (_, create) => {
    const name = `grown${create.length}`;
    const fills = { root: filled(EXT4), ...(create.length > 1 && { swap }) };
    const source = makeLvmDisk(name, create, fills);
    resultOf(await engine.capture(source, name));
    const target = bench.path(`${name}.larger.img`);
    const plan = await planned(name, 400 * MIB);
    expect(plan.volumes.find(({ volume }) => volume === `${name}/root`)).toMatchObject({
      method: 'in-place',
      beforeBytes: 160 * MIB,
      lengthBytes: (160 + 148) * MIB,
    });
    resultOf(await engine.deploy(name, target, { lengthBytes: 400 * MIB }));
    expect(partsOf(target).at(-1)).toEqual({ startBytes: 9 * MIB, lengthBytes: 390 * MIB });
    const checked = onMember(target, (lvm) =>
      lvm('vgs', '--noheadings', '--units', 'b', '--nosuffix', '-o', 'vg_size,vg_free_count', name),
    );
    // what was free in the group stays free
    const free = 59 - create.reduce((sum, [, extents]) => sum + extents, 0);
    expect(checked.trim().split(/ +/).map(Number)).toEqual([97 * EXTENT, free]);
    expect(scratch()).toEqual([]);
    // 97 extents, of which 59 were there before
    expect(EXT4.judge(assembled(target, `${name}/root`))).toBe((160 + 38 * 4) * MIB);
    expectSame(EXT4, source, target, `${name}/root`);
  });
});

describe.skipIf(!canLoop)('a smaller target', () => {
  let source: string;
  beforeAll(async () => {
    source = makeLvmDisk(
      'packed',
      [
        ['root', 20],
        ['swap', 6],
        ['home', 5],
        ['root', 18],
        ['empty', 2],
        ['home', 4],
      ],
      { root: filled(EXT4), home: filled(EXT4), swap },
      // a copy of the text behind the extents, and extents that begin on no page
      { physical: ['--metadatacopies', '2', '--dataalignment', '63s'] },
    );
    resultOf(await engine.capture(source, 'packed'));
  });

  test('volumes in pieces come to lie in one, the large one shrinks, and the others are what they were', async () => {
    const target = bench.file('packed.smaller.img', 200 * MIB, 0xff);
    const device = bench.attach(target);
    const plan = await engine.client.call('deploy.plan', { template: 'packed', target: device });
    expect(plan.canRun).toBe(true);
    const told = plan.volumes.map(({ volume, method }) => [volume, method]);
    expect(told).toEqual([
      ['1', 'kept'],
      ['2', 'repacked'],
      ['packed/root', 'scratch'],
      ['packed/swap', 'kept'],
      ['packed/home', 'kept'],
      ['packed/empty', 'kept'],
    ]);
    const root = plan.volumes.find(({ volume }) => volume === 'packed/root')!;
    expect(root.tools).toEqual(['e2fsck', 'resize2fs']);
    expect(root.scratchBytes).toBeGreaterThan(0);
    resultOf(await engine.deploy('packed', device, { confirm: device }));
    bench.detach(device);
    expect(scratch()).toEqual([]);
    expect(extentsOf(target, 'packed')).toEqual({
      root: root.lengthBytes / EXTENT,
      swap: 6,
      home: 9,
      empty: 2,
    });
    expectSame(EXT4, source, target, 'packed/root');
    expectSame(EXT4, source, target, 'packed/home');
    expect(run('blkid', '-p', '-o', 'value', '-s', 'LABEL', assembled(target, 'packed/swap')).trim()).toBe('swapped');
    // the group is one that LVM2 changes
    onMember(target, (lvm) => lvm('lvrename', '--driverloaded', 'n', 'packed', 'empty', 'other'));
  });

  test('lengths that were asked for, on a disk as large as it was', async () => {
    const target = bench.path('packed.asked.img');
    const volumes: VolumeChoice[] = [
      { volume: 'packed/root', size: 90 * MIB },
      { volume: 'packed/swap', size: 50 * MIB },
      { volume: 'packed/home', size: 'grow' },
    ];
    resultOf(await engine.deploy('packed', target, { lengthBytes: 252 * MIB, volumes }));
    const { home, ...others } = extentsOf(target, 'packed');
    expect(others).toEqual({ root: 23, swap: 13, empty: 2 });
    // what the others gave; what was free stays free
    expect(home).toBe(9 + (38 - 23) - (13 - 6));
    expectSame(EXT4, source, target, 'packed/root');
    expectSame(EXT4, source, target, 'packed/home');
    expect(EXT4.judge(assembled(target, 'packed/home'))).toBe(home * EXTENT);
    const swapped = assembled(target, 'packed/swap');
    expect(run('file', '-b', swapped)).toContain(`size ${(13 * EXTENT) / 4096 - 1} pages`);
  });

  test('what cannot be is told with the least that can', async () => {
    const tooSmall = await planned('packed', 60 * MIB);
    expect(tooSmall.checks).toContainEqual(expect.objectContaining({ code: 'TARGET_TOO_SMALL', level: 'block' }));
    const { requiredBytes } = tooSmall.checks.find(({ code }) => code === 'TARGET_TOO_SMALL')!.data;
    const least = await planned('packed', Math.ceil(Number(requiredBytes) / MIB) * MIB);
    expect(least.canRun).toBe(true);
    const asked = await planned('packed', 252 * MIB, [{ volume: 'packed/root', size: 8 * MIB }]);
    expect(asked.checks).toContainEqual({
      code: 'VOLUME_TOO_SMALL',
      level: 'block',
      data: {
        volume: 'packed/root',
        askedBytes: 8 * MIB,
        minimumBytes: asked.volumes.find(({ volume }) => volume === 'packed/root')!.minimumBytes,
      },
    });
    const empty = await planned('packed', 252 * MIB, [{ volume: 'packed/empty', size: 'shrink' }]);
    expect(empty.checks).toContainEqual({
      code: 'VOLUME_FIXED_LENGTH',
      level: 'block',
      data: { volume: 'packed/empty', fileSystem: null },
    });
  });

  test('XFS is made anew in a partition that begins on no page', async () => {
    const image = makeLvmDisk(
      'remade',
      [['root', 100]],
      { root: filled(XFS) },
      {
        lengthBytes: 430 * MIB,
        script: 'label: dos\nstart=63, size=860000, type=8e\n',
      },
    );
    resultOf(await engine.capture(image, 'remade'));
    const plan = await planned('remade', 370 * MIB);
    expect(plan.checks).toContainEqual({ code: 'VOLUME_MADE_ANEW', level: 'warn', data: { volume: 'remade/root' } });
    const target = bench.path('remade.smaller.img');
    resultOf(await engine.deploy('remade', target, { lengthBytes: 370 * MIB }));
    const { root } = extentsOf(target, 'remade');
    expect(root).toBeLessThan(93);
    expect(XFS.judge(assembled(target, 'remade/root'))).toBe(root * EXTENT);
    expectSame(XFS, image, target, 'remade/root');
  });
});

describe.skipIf(!canLoop)('a disk that is a physical volume as a whole', () => {
  test.each([
    ['smaller', 100],
    ['larger', 180],
  ])('on a %s one', async (name, mib) => {
    const group = `whole-${name}`;
    const create = [
      ['data', 20],
      ['swap', 2],
      ['data', 8],
    ] as const;
    const image = makeLvmDisk(group, create, { data: filled(EXT4), swap }, { lengthBytes: 140 * MIB, script: '' });
    resultOf(await engine.capture(image, group));
    const target = bench.file(`${group}.target.img`, mib * MIB, 0xff);
    const device = bench.attach(target);
    resultOf(await engine.deploy(group, device, { confirm: device }));
    bench.detach(device);
    const { data, swap: kept } = extentsOf(target, group);
    expect(kept).toBe(2);
    expect(Math.sign(data - 28)).toBe(Math.sign(mib - 140));
    expect(EXT4.judge(assembled(target, `${group}/data`))).toBe(data * EXTENT);
    expectSame(EXT4, image, target, `${group}/data`);
  });
});

test.skipIf(!canLoop)('a group without volumes becomes smaller as well', async () => {
  const image = makeLvmDisk('bare', [], {});
  resultOf(await engine.capture(image, 'bare'));
  const target = bench.path('bare.smaller.img');
  resultOf(await engine.deploy('bare', target, { lengthBytes: 100 * MIB }));
  const free = onMember(target, (lvm) => {
    lvm('vgck', 'bare');
    return lvm('vgs', '--noheadings', '-o', 'vg_free_count', 'bare').trim();
  });
  expect(Number(free)).toBeLessThan((100 * MIB) / EXTENT - 2);
});

describe.skipIf(!canLoop)('groups of which nothing is moved', () => {
  test('one with a snapshot', async () => {
    const image = makeLvmDisk('snapped', [['root', 20]], {});
    onMember(image, (lvm) => {
      const segment = (extents: number, rest: string) => `start_extent = 0\nextent_count = ${extents}\n${rest}`;
      const changes = segment(4, 'type = "striped"\nstripe_count = 1\nstripes = ["pv0", 20]');
      const tie = segment(20, 'type = "snapshot"\nchunk_size = 8\norigin = "root"\ncow_store = "copy"');
      const more = [
        volumeText('copy', ['READ', 'WRITE', 'VISIBLE'], changes),
        volumeText('snapshot0', ['READ', 'WRITE'], tie),
      ];
      lvm.restore('snapped', (text) => text.replace('logical_volumes {', (start) => `${start}\n${more.join('\n')}`));
    });
    resultOf(await engine.capture(image, 'snapped'));
    const plan = await planned('snapped', 100 * MIB);
    expect(plan.checks).toContainEqual(expect.objectContaining({ code: 'TARGET_TOO_SMALL', level: 'block' }));
    const member = plan.volumes.find(({ volume }) => volume === '2')!;
    expect(member.cannotShrink?.code).toBe('VOLUME_FIXED_LENGTH');
    expect(String(member.cannotShrink?.data['fileSystem'])).toMatch(/^LVM2 \(.+\)$/);
  });

  test('a group over two partitions', async () => {
    const image = bench.file('two.img', 200 * MIB);
    runWithInput('label: gpt\nsize=90MiB, type=lvm\nsize=90MiB, type=lvm\n', 'sfdisk', '-q', image);
    const lvm = lvmOn(bench, image, partsOf(image));
    lvm('vgcreate', 'two', ...lvm.devices);
    lvm.create('-Wn', '-l', '30', '-n', 'root', 'two');
    detachAll(bench, lvm);
    resultOf(await engine.capture(image, 'two'));
    const plan = await planned('two', 150 * MIB);
    expect(plan.checks).toContainEqual(expect.objectContaining({ code: 'TARGET_TOO_SMALL', level: 'block' }));
    expect(plan.volumes[0].cannotShrink?.data['fileSystem']).toBe('LVM2 (2 PV)');
  });
});

describe.skipIf(!canLoop)('a deploy that is killed while a logical volume gets its length', () => {
  test('leaves what looks like nothing, and the next one is whole', async () => {
    const source = makeLvmDisk(
      'killed',
      [
        ['root', 40],
        ['swap', 6],
      ],
      { root: filled(EXT4), swap },
    );
    resultOf(await engine.capture(source, 'killed'));
    const target = bench.file('killed.smaller.img', 200 * MIB, 0xff);
    const device = bench.attach(target);
    await engine.close();
    const other = otherProcess(bench.path('catalog'), [
      'deploy.plan',
      { template: 'killed', target: device, confirm: device },
    ]);
    await other.said('job ');
    await other.said('phase writing');
    other.child.kill('SIGKILL');
    await other.gone;
    // its first sector comes last: whoever finds a table finds a whole target, even if nobody had said so yet
    const looksFinished = run('sh', '-c', `sfdisk -J ${device} 2>/dev/null || true`) !== '';
    if (looksFinished) expect(extentsOf(target, 'killed').swap).toBe(6);
    else expect(run('sh', '-c', `blkid -p ${device} || true`)).toBe('');
    engine = await openEngine(bench.path('catalog'));
    resultOf(await engine.deploy('killed', device, { confirm: device }));
    bench.detach(device);
    expect(scratch()).toEqual([]);
    expect(extentsOf(target, 'killed').swap).toBe(6);
    expectSame(EXT4, source, target, 'killed/root');
  });
});
