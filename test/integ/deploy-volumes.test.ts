/**
 * Deploys that give volumes another length or another place: what is on them is judged by the checkers of their file systems, their files
 * by the kernel, and the tables by sfdisk and sgdisk.
 */
import { mkdirSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { VolumeChoice } from '../../src-engine/contract/deploy.contract.ts';
import { noise, place } from '../support/disks.ts';
import { openEngine, refusal, resultOf, type TestEngine } from '../support/engine.ts';
import { treeOf } from '../support/file-trees.ts';
import {
  BTRFS,
  ext,
  EXT4,
  EXTS,
  fillTree,
  NTFS,
  undated,
  withMounted,
  XFS,
  type Kind,
} from '../support/resized-kinds.ts';
import { canLoop, MIB, run, runWithInput, workbench } from '../support/workbench.ts';

const bench = workbench();
let engine: TestEngine;

beforeAll(async () => {
  engine = await openEngine(bench.path('catalog'));
});
afterAll(() => engine.close());

/** Lets something look at a volume of an image. */
function onVolume<T>(image: string, part: Part, work: (device: string) => T): T {
  const device = bench.attach(image, '-o', String(part.startBytes), '--sizelimit', String(part.lengthBytes));
  try {
    return work(device);
  } finally {
    bench.detach(device);
  }
}

const mounted = <T>(device: string, kind: Kind, options: string, work: (point: string) => T): T =>
  withMounted(bench, device, kind, options, work);

interface Part {
  readonly startBytes: number;
  readonly lengthBytes: number;
}

function partsOf(image: string): Part[] {
  const { partitiontable } = JSON.parse(run('sfdisk', '-J', image)) as {
    partitiontable: { partitions: { start: number; size: number; type: string }[] };
  };
  const volumes = partitiontable.partitions.filter(({ type }) => type !== '5');
  return volumes.map(({ start, size }) => ({ startBytes: start * 512, lengthBytes: size * 512 }));
}

/** ESP, the volume in question, swap behind it. */
const GPT = `label: gpt
1 : start=1MiB, size=8MiB, type=uefi
2 : size=ROOT, type=linux, name=root
3 : size=16MiB, type=swap
`;
/** The volume in question is a logical one, and a partition stands behind the chain. */
const LOGICAL = `label: dos
1 : start=1MiB, size=8MiB, type=c
2 : start=9MiB, size=EXTENDED, type=5
5 : start=10MiB, size=ROOT, type=83
3 : size=16MiB, type=82
`;

function makeDisk(name: string, kind: Kind, rootMib: number, script = GPT): string {
  const image = bench.file(`${name}.img`, (rootMib + 28) * MIB);
  runWithInput(script.replace('ROOT', `${rootMib}MiB`).replace('EXTENDED', `${rootMib + 1}MiB`), 'sfdisk', '-q', image);
  const parts = partsOf(image);
  const root = parts.find(({ lengthBytes }) => lengthBytes === rootMib * MIB)!;
  const fat = bench.file('esp.part', 8 * MIB);
  run('mkfs.vfat', '-h', String(parts[0].startBytes / 512), fat);
  place(fat, image, parts[0].startBytes);
  const swap = bench.file('swap.part', 16 * MIB);
  run('mkswap', '-L', 'swapped', swap);
  place(swap, image, (rootMib + (script === GPT ? 9 : 10)) * MIB);
  onVolume(image, root, (device) => {
    kind.make(device);
    mounted(device, kind, 'rw', (point) => fillTree(point, kind));
  });
  return image;
}

const rootOf = (image: string) => partsOf(image).reduce((a, b) => (b.lengthBytes > a.lengthBytes ? b : a));
const swapOf = (image: string) =>
  partsOf(image)
    .filter(({ lengthBytes }) => lengthBytes === 16 * MIB)
    .at(-1)!;
const blkid = (image: string, { startBytes, lengthBytes }: Part) =>
  run('blkid', '-p', '-o', 'export', '-O', String(startBytes), '-S', String(lengthBytes), image).replaceAll(
    /^(DEVNAME|PART_ENTRY|FSSIZE|FSLASTBLOCK|UUID_SUB).*\n/gm,
    '',
  );

/** The copy of a disk is sound, and all that was on its volumes is there. */
function expectFitted(kind: Kind, source: string, target: string, lengthBytes: number): void {
  const [from, to] = [rootOf(source), rootOf(target)];
  expect(to).toEqual({ startBytes: from.startBytes, lengthBytes });
  expect(run('sfdisk', '--verify', target)).toContain('No errors detected');
  const features = onVolume(source, from, (device) => kind.features?.(device));
  const before = onVolume(source, from, (device) => mounted(device, kind, 'ro', treeOf));
  const after = onVolume(target, to, (device) => {
    const fileSystemBytes = kind.judge(device);
    expect(kind.features?.(device)).toBe(features);
    // ntfsresize leaves the last sector to the copy of the first, ext a last group that is too short
    expect(lengthBytes - fileSystemBytes).toBeLessThan(8 * MIB);
    expect(fileSystemBytes).toBeLessThanOrEqual(lengthBytes);
    return mounted(device, kind, 'ro', treeOf);
  });
  // resize2fs dates folders anew in which it gives entries other inodes
  const isDatedAnew = kind.name.startsWith('ext') && lengthBytes < from.lengthBytes;
  expect(isDatedAnew ? undated(after) : after).toBe(isDatedAnew ? undated(before) : before);
  expect(blkid(target, to)).toBe(blkid(source, from));
  expect(blkid(target, swapOf(target))).toBe(blkid(source, swapOf(source)));
}

async function planned(template: string, lengthBytes: number, volumes: VolumeChoice[] = []) {
  return engine.client.call('deploy.plan', { template, target: bench.path('planned.img'), lengthBytes, volumes });
}

const scratch = () => readdirSync(bench.path('catalog', 'scratch'));

describe
  .skipIf(!canLoop)
  .each([
    ...EXTS.map((kind) => [kind.name, kind, 96] as const),
    ['NTFS', NTFS, 96] as const,
    ['XFS', XFS, 512] as const,
    ['btrfs', BTRFS, 400] as const,
  ])('%s', (name, kind, rootMib) => {
  let source: string;
  const template = name.replaceAll(' ', '-');
  beforeAll(async () => {
    source = makeDisk(template, kind, rootMib);
    resultOf(await engine.capture(source, template));
  });

  test('takes what a larger file has more, and the swap behind it moves to the end', async () => {
    const target = bench.path(`${template}.larger.img`);
    const plan = await planned(template, (rootMib + 128) * MIB);
    expect(plan.volumes.map(({ volume, method }) => [volume, method])).toEqual([
      ['1', 'kept'],
      ['2', 'in-place'],
      ['3', 'kept'],
    ]);
    resultOf(await engine.deploy(template, target, { lengthBytes: (rootMib + 128) * MIB }));
    expectFitted(kind, source, target, (rootMib + 102) * MIB);
    rmSync(target);
  });

  test('gives what a smaller one has not, on the way', async () => {
    const target = bench.path(`${template}.smaller.img`);
    resultOf(await engine.deploy(template, target, { lengthBytes: (rootMib - 4) * MIB }));
    expectFitted(kind, source, target, (rootMib - 30) * MIB);
    expect(scratch()).toEqual([]);
    rmSync(target);
  });
});

describe.skipIf(!canLoop)('several disks of one btrfs', () => {
  test('grow at the same time, each its own', async () => {
    const source = makeDisk('btrfs-room', BTRFS, 400);
    resultOf(await engine.capture(source, 'btrfs-room'));
    const targets = ['a', 'b', 'c'].map((name) => bench.path(`btrfs-${name}.img`));
    const lengthBytes = 500 * MIB;
    const plans = await engine.client.call('deploy.planAll', { template: 'btrfs-room', targets, lengthBytes });
    const starts = plans.map(({ planId }) => ({ planId }));
    const job = await engine.ended((await engine.client.call('deploy.startAll', { starts })).jobId);
    expect(job.parts.map(({ outcome }) => outcome)).toEqual(['done', 'done', 'done']);
    for (const target of targets) {
      expectFitted(BTRFS, source, target, lengthBytes - 26 * MIB);
      rmSync(target);
    }
  });
});

describe.skipIf(!canLoop)('choices', () => {
  let source: string;
  beforeAll(async () => {
    source = makeDisk('logical', EXT4, 96, LOGICAL);
    resultOf(await engine.capture(source, 'logical'));
  });

  test('a logical volume grows, in its container, and what stands behind moves', async () => {
    const target = bench.path('logical.larger.img');
    resultOf(await engine.deploy('logical', target, { lengthBytes: 200 * MIB }));
    expectFitted(EXT4, source, target, 174 * MIB);
  });

  test('lengths that were asked for, on a disk as large as it was', async () => {
    const target = bench.path('logical.chosen.img');
    const volumes = [
      { volume: '5', size: 80 * MIB },
      { volume: '3', size: 'grow' as const },
    ];
    resultOf(await engine.deploy('logical', target, { volumes }));
    const parts = partsOf(target);
    expect(rootOf(target)).toEqual({ startBytes: 10 * MIB, lengthBytes: 80 * MIB });
    const swap = parts.find(({ startBytes }) => startBytes > 90 * MIB - 1)!;
    expect(swap.startBytes).toBe((106 - 16) * MIB);
    expect(swap.lengthBytes).toBe(34 * MIB);
    const [was, is] = [blkid(source, swapOf(source)), blkid(target, swap)];
    expect(is.replaceAll(/^FS.*\n/gm, '')).toBe(was.replaceAll(/^FS.*\n/gm, ''));
    expect(run('swaplabel', extracted(target, swap))).toContain('swapped');
    onVolume(target, rootOf(target), EXT4.judge);
  });

  test('exact changes nothing, whatever the size', async () => {
    const target = bench.path('logical.exact.img');
    resultOf(await engine.deploy('logical', target, { lengthBytes: 200 * MIB, exact: true }));
    expect(partsOf(target)).toEqual(partsOf(source));
    onVolume(target, rootOf(target), (device) => expect(EXT4.judge(device)).toBe(96 * MIB));
  });

  test('all ones of a device are no part of what grows onto it', async () => {
    const image = bench.file('ones.img', 200 * MIB, 0xff);
    const device = bench.attach(image);
    resultOf(await engine.deploy('logical', device, { confirm: device }));
    bench.detach(device);
    expectFitted(EXT4, source, image, 174 * MIB);
  });

  test.each<[string, VolumeChoice[], number, object]>([
    [
      'less than its files need',
      [{ volume: '5', size: 8 * MIB }],
      124,
      { code: 'VOLUME_TOO_SMALL', data: { volume: '5', askedBytes: 8 * MIB } },
    ],
    ['more than there is', [{ volume: '5', size: 500 * MIB }], 124, { code: 'TARGET_TOO_SMALL' }],
    [
      'another length of a FAT',
      [{ volume: '1', size: 'grow' }],
      200,
      { code: 'VOLUME_FIXED_LENGTH', data: { volume: '1', fileSystem: 'fat12' } },
    ],
    ['a disk that nothing fits on', [], 32, { code: 'TARGET_TOO_SMALL', data: { targetBytes: 32 * MIB } }],
  ])('%s is refused, with the numbers', async (_, volumes, mib, block) => {
    const plan = await planned('logical', mib * MIB, volumes);
    expect(plan.checks.filter(({ level }) => level === 'block')).toEqual([
      expect.objectContaining({
        level: 'block',
        ...block,
        ...('data' in block && { data: expect.objectContaining(block.data as object) as object }),
      }),
    ]);
    expect(plan.canRun).toBe(false);
  });

  test('a volume that is not there is named', async () => {
    expect(await refusal(planned('logical', 200 * MIB, [{ volume: '9', size: 'grow' }]))).toMatchObject({
      code: 'VOLUME_NOT_FOUND',
      data: { volume: '9', volumes: ['1', '5', '3'] },
    });
  });
});

describe.skipIf(!canLoop)('as small as it can be', () => {
  const manyFiles = (point: string) =>
    run(
      'python3',
      '-c',
      'import os,sys\nfor d in range(40):\n  os.mkdir(f"{sys.argv[1]}/d{d}")\n  for i in range(200): open(f"{sys.argv[1]}/d{d}/f{i}","w").close()',
      point,
    );
  const scattered = (point: string) => {
    for (let i = 0; i < 60; i++) writeFileSync(join(point, `piece${i}`), noise(`piece ${i}`, 2 * MIB));
    for (let i = 0; i < 60; i += 2) rmSync(join(point, `piece${i}`));
  };
  test.each<[string, Kind, (point: string) => void]>([
    ['ext4 with pieces of files everywhere', EXT4, scattered],
    ['ext4 with thousands of empty files', ext('', 'ext4', '-b', '1024', '-N', '20000'), manyFiles],
    ['ext4 without journal, with large blocks', ext('', 'ext4', '-b', '4096', '-O', '^has_journal'), scattered],
    ['NTFS with pieces of files everywhere', NTFS, scattered],
  ])('%s', async (name, kind, fillMore) => {
    const template = `least-${name.replaceAll(/[ ,]+/g, '-')}`;
    const source = makeDisk(template, kind, 192);
    onVolume(source, rootOf(source), (device) => mounted(device, kind, 'rw', fillMore));
    resultOf(await engine.capture(source, template));
    const target = bench.path('least.img');
    const volumes = [{ volume: '2', size: 'shrink' as const }];
    const { volumes: plans } = await planned(template, 220 * MIB, volumes);
    expect(plans[1]).toMatchObject({
      method: 'scratch',
      lengthBytes:
        plans[1].minimumBytes - (plans[1].minimumBytes % 4096) + (plans[1].minimumBytes % 4096 > 0 ? 4096 : 0),
    });
    expect(plans[1].lengthBytes).toBeLessThan(180 * MIB);
    resultOf(await engine.deploy(template, target, { volumes, overwrite: true }));
    expectFitted(kind, source, target, plans[1].lengthBytes);
  });
});

describe.skipIf(!canLoop)('a target with sectors of 4096 bytes', () => {
  const kind = ext('', 'ext4', '-b', '4096');
  test.each([
    ['larger', 200, 174],
    ['smaller', 110, 84],
  ])('%s: sectors and lengths change together', async (name, mib, rootMib) => {
    const source = bench.file('of-512.img', 124 * MIB);
    runWithInput('label: gpt\nstart=1MiB, size=24MiB, type=uefi\nsize=97MiB, type=linux\n', 'sfdisk', '-q', source);
    const fat = bench.file('esp.part', 24 * MIB);
    run('mkfs.vfat', '-s', '8', '-F', '16', fat);
    place(fat, source, MIB);
    onVolume(source, { startBytes: 25 * MIB, lengthBytes: 97 * MIB }, (device) => {
      kind.make(device);
      mounted(device, kind, 'rw', (point) => fillTree(point, kind));
    });
    resultOf(await engine.capture(source, `sectors-${name}`));
    const image = bench.file('of-4096.img', mib * MIB, 0xff);
    const device = bench.attach(image, '-b', '4096');
    resultOf(await engine.deploy(`sectors-${name}`, device, { confirm: device }));
    const { partitiontable } = JSON.parse(run('sfdisk', '-J', device)) as {
      partitiontable: { partitions: { start: number; size: number }[] };
    };
    expect(run('sfdisk', '--verify', device)).toContain('No errors detected');
    const [esp, root] = partitiontable.partitions.map(({ start, size }) => ({
      startBytes: start * 4096,
      lengthBytes: size * 4096,
    }));
    expect(root).toEqual({ startBytes: 25 * MIB, lengthBytes: rootMib * MIB });
    bench.detach(device);
    run('fsck.fat', '-n', extracted(image, esp));
    const before = onVolume(source, { startBytes: 25 * MIB, lengthBytes: 97 * MIB }, (from) =>
      mounted(from, kind, 'ro', treeOf),
    );
    const after = onVolume(image, root, (to) => {
      expect(kind.judge(to)).toBe(rootMib * MIB);
      return mounted(to, kind, 'ro', treeOf);
    });
    expect(after).toBe(before);
  });
});

describe.skipIf(!canLoop)('the same btrfs mounted on this machine', () => {
  test('it is not mounted a second time: the volume keeps its length, and the plan says why', async () => {
    const source = makeDisk('twin', BTRFS, 400);
    resultOf(await engine.capture(source, 'twin'));
    const device = bench.attach(source, '-o', String(9 * MIB), '--sizelimit', String(400 * MIB));
    const point = bench.mount(device, 'ro');
    const plan = await planned('twin', 600 * MIB);
    bench.unmount(point);
    bench.detach(device);
    expect(plan.volumes.map(({ method }) => method)).toEqual(['kept', 'kept', 'kept']);
    const data = { volume: '2', fileSystem: 'btrfs' };
    expect(plan.checks).toContainEqual({ code: 'VOLUME_MOUNTED_HERE', level: 'warn', data });
    expect((await planned('twin', 600 * MIB)).volumes[1].method).toBe('in-place');
  });
});

describe.skipIf(!canLoop)('an ordinary person', () => {
  test('needs no rights for a file: the volume grows in scratch space', async () => {
    const source = makeDisk('ordinary', EXT4, 96);
    const [home, target] = [bench.path('home'), bench.path('home', 'target.img')];
    mkdirSync(home);
    run('chown', '-R', '65534:65534', home);
    run('chmod', '755', bench.folder);
    const built = process.env.DISKPRESS_WORKERS;
    const main = built ? join(built, 'cli.js') : join(import.meta.dirname, '../../src-main/cli/main.ts');
    const asPerson = (...words: string[]) =>
      run(
        'setpriv',
        '--reuid',
        '65534',
        '--regid',
        '65534',
        '--clear-groups',
        process.execPath,
        main,
        '--catalog',
        join(home, 'catalog'),
        ...words,
      );
    asPerson('capture', source, '--name', 'own');
    expect(asPerson('deploy', 'own', target, '--size', String(200 * MIB), '--plan')).toContain(
      'in scratch space: e2fsck and resize2fs',
    );
    asPerson('deploy', 'own', target, '--size', String(200 * MIB));
    expectFitted(EXT4, source, target, 174 * MIB);
    expect(readdirSync(join(home, 'catalog', 'scratch'))).toEqual([]);
  });
});

describe.skipIf(!canLoop)('what stands behind', () => {
  test('a FAT that moves says how many sectors lie in front of it', async () => {
    const image = bench.file('fat-behind.img', 140 * MIB);
    runWithInput(
      'label: dos\nstart=1MiB, size=100MiB, type=83\nstart=101MiB, size=38MiB, type=c\n',
      'sfdisk',
      '-q',
      image,
    );
    const fat = bench.file('behind.part', 38 * MIB);
    run('mkfs.vfat', '-F', '32', '-h', String(101 * 2048), fat);
    place(fat, image, 101 * MIB);
    onVolume(image, { startBytes: MIB, lengthBytes: 100 * MIB }, EXT4.make);
    resultOf(await engine.capture(image, 'fat-behind'));
    // FAT keeps its length, and the plan says so
    const refused = { code: 'VOLUME_FIXED_LENGTH', data: { volume: '2', fileSystem: 'fat32' } };
    const { volumes } = await planned('fat-behind', 200 * MIB);
    expect(volumes[1]).toMatchObject({ method: 'kept', cannotGrow: refused, cannotShrink: refused });
    const target = bench.path('fat-behind.larger.img');
    resultOf(await engine.deploy('fat-behind', target, { lengthBytes: 200 * MIB }));
    const [, moved] = partsOf(target);
    expect(moved).toEqual({ startBytes: 162 * MIB, lengthBytes: 38 * MIB });
    const part = extracted(target, moved);
    run('fsck.fat', '-n', part);
    expect(run('minfo', '-i', part, '::')).toContain(`hidden sectors: ${162 * 2048}\n`);
  });

  test('what nobody knows stays where it is, and nothing grows in front of it', async () => {
    const image = bench.file('unknown-behind.img', 64 * MIB);
    runWithInput(
      'label: dos\nstart=1MiB, size=32MiB, type=83\nstart=33MiB, size=30MiB, type=da\n',
      'sfdisk',
      '-q',
      image,
    );
    onVolume(image, { startBytes: MIB, lengthBytes: 32 * MIB }, EXT4.make);
    writeFileSync(bench.path('unknown.part'), noise('unknown', MIB));
    place(bench.path('unknown.part'), image, 33 * MIB);
    resultOf(await engine.capture(image, 'unknown-behind'));
    const plan = await planned('unknown-behind', 100 * MIB);
    expect(
      plan.volumes.every(
        ({ method, startBytes, beforeStartBytes }) => method === 'kept' && startBytes === beforeStartBytes,
      ),
    ).toBe(true);
    expect(plan.checks).toContainEqual(expect.objectContaining({ code: 'TARGET_ROOM_UNUSED', level: 'warn' }));
    const asked = await planned('unknown-behind', 100 * MIB, [{ volume: '1', size: 'grow' }]);
    expect(asked.checks).toContainEqual({
      code: 'VOLUME_CANNOT_MOVE',
      level: 'block',
      data: { volume: '2', behind: '1' },
    });
  });
});

function extracted(image: string, { startBytes, lengthBytes }: Part): string {
  const part = bench.path('extracted.part');
  rmSync(part, { force: true });
  run(
    'dd',
    `if=${image}`,
    `of=${part}`,
    'bs=1M',
    'conv=sparse',
    'status=none',
    'iflag=skip_bytes,count_bytes',
    `skip=${startBytes}`,
    `count=${lengthBytes}`,
  );
  truncateSync(part, lengthBytes);
  return part;
}
