/** Volume groups in Clonezilla folders: made by LVM2, saved as Clonezilla saves them, put together, and judged by LVM2 again. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { UNPACK_LIMITS } from '../../../src-engine/archive/sparse-file.ts';
import { lookAtCloneFolder, lookIntoPieces, openClonedDisk } from '../../../src-engine/images/clone-folder.ts';
import { openEngine, refusal, resultOf } from '../../support/engine.ts';
import { makeExt4, noise, type Part } from '../../support/disks.ts';
import { importFrom } from '../../support/transfer.ts';
import { canLoop, MIB, run, workbench } from '../../support/workbench.ts';
import { expectSameExt4 } from '../../support/judges.ts';
import { detachAll, lvmOn, type Lvm } from '../volumes/lvm.ts';

const bench = workbench();
const DISK_BYTES = 104 * MIB;
const PARTS: Part[] = [
  { startBytes: MIB, lengthBytes: 60 * MIB },
  { startBytes: 61 * MIB, lengthBytes: 40 * MIB },
];
const GROUP = 'ubuntu-vg';
const { signal } = new AbortController();

/** A disk with two members of an empty group. @param options of pvcreate */
function makeMembers(name: string, ...options: string[]): { disk: string; lvm: Lvm } {
  const disk = bench.file(name, DISK_BYTES);
  run('sgdisk', '-n', '1:1M:+60M', '-t', '1:8e00', '-n', '2:61M:+40M', '-t', '2:8e00', disk);
  const lvm = lvmOn(bench, disk, PARTS);
  lvm('pvcreate', '-y', ...options, ...lvm.devices);
  lvm('vgcreate', '-y', '-s', '1M', GROUP, ...lvm.devices);
  return { disk, lvm };
}

/** A file system in two pieces, stripes, a swap, and bytes of no file system. */
function makeGroup(name: string): { disk: string; lvm: Lvm } {
  const { disk, lvm } = makeMembers(name);
  const [first, second] = lvm.devices;
  lvm.create('-n', 'root-lv', '-l', '20', GROUP, first);
  lvm.create('-n', 'swap_1', '-l', '4', GROUP, first);
  lvm('lvextend', '--driverloaded', 'n', '-l', '+6', `${GROUP}/root-lv`, second);
  lvm.create('-n', 'fast', '-i', '2', '-I', '64k', '-l', '12', GROUP);
  lvm.create('-n', 'bytes', '-l', '3', GROUP, second);
  // shorter than its volume, as after a shrink
  lvm.fill(`${GROUP}/root-lv`, makeExt4(bench, 'root.ext4', 24 * MIB));
  writeFileSync(bench.path('fast'), noise('fast', 12 * MIB));
  lvm.fill(`${GROUP}/fast`, bench.path('fast'));
  writeFileSync(bench.path('bytes'), noise('bytes', 3 * MIB));
  lvm.fill(`${GROUP}/bytes`, bench.path('bytes'));
  const swap = bench.file('swap', 4 * MIB);
  run('mkswap', '-L', 'swaps', '-U', '11111111-2222-3333-4444-555555555555', swap);
  lvm.fill(`${GROUP}/swap_1`, swap);
  return { disk, lvm };
}

/** The layout of names and lists of ocs-functions (save_logv) and of Rescuezilla's backup. */
function save(disk: string, lvm: Lvm): string {
  const folder = `${disk}.clone`;
  mkdirSync(folder);
  const at = (name: string) => `${folder}/${name}`;
  const bytes = readFileSync(disk);
  writeFileSync(at('sda-pt.sf'), run('sfdisk', '-d', disk).replaceAll(disk, '/dev/sda'));
  writeFileSync(at('sda-pt.parted'), `Disk /dev/sda: ${DISK_BYTES / 512}s\n`);
  writeFileSync(at('parts'), 'sda1 sda2\n');
  writeFileSync(at('disk'), 'sda\n');
  writeFileSync(at('sda-mbr'), bytes.subarray(0, 512));
  writeFileSync(at('sda-gpt-1st'), bytes.subarray(0, 34 * 512));
  writeFileSync(at('sda-gpt-2nd'), bytes.subarray(bytes.length - 33 * 512));
  saveGroup(folder, lvm, ['/dev/sda1', '/dev/sda2'], disk);
  return folder;
}

function saveGroup(folder: string, lvm: Lvm, devices: string[], disk: string, parts: readonly Part[] = PARTS): void {
  const at = (name: string) => `${folder}/${name}`;
  lvm('vgcfgbackup', '-f', at(`lvm_${GROUP}.conf`), GROUP);
  for (const [i, device] of lvm.devices.entries()) {
    const uuid = lvm('pvs', '--noheadings', '-o', 'pv_uuid', device).trim();
    appendFileSync(at('lvm_vg_dev.list'), `${GROUP} ${devices[i]} ${uuid}\n`);
  }
  const volumes = lvm('lvs', '--noheadings', '-o', 'lv_name', GROUP).trim().split(/\s+/);
  for (const volume of volumes) {
    appendFileSync(at('lvm_logv.list'), `/dev/${GROUP}/${volume}  Linux, or data\n`);
    const image = lvm.cut(`${GROUP}/${volume}`, disk, parts, bench.path('volume'));
    const to = at(`${GROUP}-${volume}`);
    if (volume === 'swap_1') {
      writeFileSync(
        at(`swappt-${GROUP}-${volume}.info`),
        'UUID="11111111-2222-3333-4444-555555555555"\nLABEL="swaps"\n',
      );
    } else if (volume === 'root-lv') {
      const clone = `partclone.ext4 -c -q -L /dev/null -s ${image} -o - | gzip -1 -c | split -b 2000000 - `;
      execFileSync('sh', ['-c', `${clone} ${to}.ext4-ptcl-img.gz.`], { stdio: 'pipe' });
    } else execFileSync('sh', ['-c', `zstd -q -c ${image} > ${to}.dd-img.zst`], { stdio: 'pipe' });
  }
}

async function restore(folder: string, index = 0): Promise<string> {
  const scratch = bench.path('scratch');
  rmSync(scratch, { recursive: true, force: true });
  mkdirSync(scratch);
  const disk = (await lookAtCloneFolder(folder))![index];
  const where = { folder: scratch, limits: UNPACK_LIMITS, signal, advance() {} };
  expect((await lookIntoPieces(folder, disk, signal)).unpackedBytes).toBeGreaterThan(0);
  const source = await openClonedDisk(folder, disk, where, []);
  const bytes = Buffer.alloc(source.lengthBytes, 0xee);
  await source.readInto(0, bytes);
  await source.close();
  writeFileSync(bench.path('restored'), bytes);
  return bench.path('restored');
}

const REPORTS: [string, string][] = [
  ['pvs', 'pv_uuid,pv_size,pe_start,pv_pe_count,pv_pe_alloc_count,vg_name'],
  ['vgs', 'vg_uuid,vg_seqno,vg_extent_size,vg_extent_count,vg_free_count,pv_count'],
  ['lvs', 'lv_uuid,lv_name,lv_size,segtype,stripe_size,seg_start_pe,lv_attr'],
];

function expectSameGroup(lvm: Lvm, copy: Lvm): void {
  for (const [tool, columns] of REPORTS) {
    const segments = tool === 'lvs' ? ['--segments'] : [];
    // in the order of the loop devices, whose numbers nobody chooses
    const report = (one: Lvm) =>
      one(tool, '--noheadings', '--units', 'b', ...segments, '-o', columns)
        .split('\n')
        .sort();
    expect(report(copy), tool).toEqual(report(lvm));
  }
  copy('vgck', GROUP);
  for (const device of copy.devices) copy('pvck', device);
}

/** Volumes of both, where LVM2 says that they lie. */
function expectSameVolumes(lvm: Lvm, disk: string, copy: Lvm, restored: string, parts: readonly Part[]): void {
  const both = (volume: string) =>
    [
      lvm.cut(`${GROUP}/${volume}`, disk, parts, bench.path('was')),
      copy.cut(`${GROUP}/${volume}`, restored, parts, bench.path('is')),
    ] as const;
  expectSameExt4(bench, ...both('root-lv'));
  for (const volume of ['fast', 'bytes']) {
    const [was, is] = both(volume);
    expect(readFileSync(is).equals(readFileSync(was)), volume).toBe(true);
  }
  const identity = (path: string) => run('blkid', '-p', '-o', 'export', path).replace(/^DEVNAME=.*$/m, '');
  const [was, is] = both('swap_1');
  expect(identity(is)).toBe(identity(was));
}

describe.skipIf(!canLoop)('members on partitions', () => {
  let disk: string;
  let lvm: Lvm;
  let whole: string;
  beforeAll(() => {
    ({ disk, lvm } = makeGroup('group.img'));
    whole = save(disk, lvm);
  });

  /** A copy of the folder, in which something is changed. */
  function changed(name: string, change: (folder: string) => void): string {
    const folder = bench.path(name);
    rmSync(folder, { recursive: true, force: true });
    execFileSync('cp', ['-r', whole, folder]);
    change(folder);
    return folder;
  }

  test('volumes of every layout, as LVM2 finds them', async () => {
    const restored = await restore(whole);
    const copy = lvmOn(bench, restored, PARTS);
    expectSameGroup(lvm, copy);
    expectSameVolumes(lvm, disk, copy, restored, PARTS);
    // LVM2 may write to it
    copy.create('-n', 'more', '-l', '2', GROUP);
    detachAll(bench, copy);
  });

  test.each([
    ['with the extents right behind a small area', ['--metadatasize', '100k', '--dataalignment', '64k']],
    ['with two metadata areas', ['--metadatacopies', '2']],
  ])('%s', async (name, options) => {
    const made = makeMembers(`${name.replaceAll(' ', '-')}.img`, ...options);
    made.lvm.create('-n', 'bytes', '-l', '3', GROUP);
    writeFileSync(bench.path('bytes'), noise(name, 3 * MIB));
    made.lvm.fill(`${GROUP}/bytes`, bench.path('bytes'));
    const restored = await restore(save(made.disk, made.lvm));
    const copy = lvmOn(bench, restored, PARTS);
    expectSameGroup(made.lvm, copy);
    expect(
      readFileSync(copy.cut(`${GROUP}/bytes`, restored, PARTS, bench.path('is'))).equals(noise(name, 3 * MIB)),
    ).toBe(true);
    detachAll(bench, copy);
    detachAll(bench, made.lvm);
  });

  test('through the engine: the volumes are there, by name, and those that it does not claim to hold are asked about', async () => {
    const engine = await openEngine(bench.path('catalog'));
    bench.atEnd(() => engine.close());
    const folder = changed('some', (at) => {
      removeFrom(at, /-fast/);
      changeFile(`${at}/lvm_logv.list`, (text) => text.replace(/^.*fast.*\n/m, ''));
    });
    const { code, data } = await refusal(importFrom(engine, folder, 'lab'));
    expect([code, data.check]).toEqual(['PLAN_BLOCKED', 'PARTITIONS_NOT_SAVED']);
    const { checks } = await engine.client.call('import.plan', { path: folder, name: 'lab' });
    expect(checks).toContainEqual(expect.objectContaining({ data: { names: `${GROUP}/fast` } }));
    resultOf(await importFrom(engine, folder, 'lab', { overrides: ['PARTITIONS_NOT_SAVED'] }));
    const { versions } = await engine.client.call('template.show', { template: 'lab' });
    const [group] = versions[0].disks[0].layout.groups;
    expect(group).toMatchObject({ name: GROUP, missingMembers: 0 });
    const found = group.volumes.map(({ ref, fileSystem }) => [ref, fileSystem?.kind]);
    expect(found).toContainEqual([`${GROUP}/root-lv`, 'ext4']);
    resultOf(await engine.deploy('lab', bench.path('out')));
    const copy = lvmOn(bench, bench.path('out'), PARTS);
    copy('vgck', GROUP);
    const root = (one: Lvm, of: string, to: string) => one.cut(`${GROUP}/root-lv`, of, PARTS, bench.path(to));
    expectSameExt4(bench, root(lvm, disk, 'was'), root(copy, bench.path('out'), 'is'));
    detachAll(bench, copy);
  });

  const WRONG: [string, (folder: string) => void, RegExp][] = [
    ['a volume of the list is missing', (f) => removeFrom(f, /fast/), /lvm_logv\.list.*ubuntu-vg\/fast missing/],
    ['a piece of a volume is missing', (f) => removeFrom(f, /root-lv.*ab$/), /ab of ubuntu-vg-root-lv/],
    ['the text is missing', (f) => removeFrom(f, /conf$/), /lvm_ubuntu-vg\.conf.*missing/],
    ['the text is empty', (f) => writeFileSync(`${f}/lvm_${GROUP}.conf`, ''), /lvm_ubuntu-vg\.conf/],
    ['the text is cut off', (f) => cutText(f), /metadata text|lvm_ubuntu-vg/],
    ['a member is unknown to the text', (f) => changeList(f, /\S+$/m, 'a'.repeat(38)), /physical_volumes/],
    ['a list says nothing', (f) => appendFileSync(`${f}/lvm_vg_dev.list`, 'nonsense\n'), /lvm_vg_dev\.list.*nonsense/],
    [
      'a volume is unknown to the text',
      (f) => {
        appendFileSync(`${f}/lvm_logv.list`, `/dev/${GROUP}/other  data\n`);
        writeFileSync(`${f}/${GROUP}-other.dd-img`, 'x');
      },
      /logical_volumes.*ubuntu-vg\/other/,
    ],
    [
      'a volume is more than pieces of its members',
      (f) =>
        changeFile(`${f}/lvm_${GROUP}.conf`, (text) => text.replace(/(\tbytes \{[^]*?type = )"striped"/, '$1"mirror"')),
      /LVM mirror in a Clonezilla folder/,
    ],
    [
      'the member is kept as a whole too',
      (f) => writeFileSync(`${f}/sda1.dd-img`, 'x'),
      /lvm_vg_dev\.list.*sda1\.dd-img/,
    ],
    ['a volume is longer than its image', (f) => writeFileSync(`${f}/${GROUP}-bytes.dd-img.zst`, 'x'), /bytes\.dd-img/],
  ];

  test.each(WRONG)('%s: refused by its name', async (_, spoil, words) => {
    const error = await restore(changed('spoiled', spoil)).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: expect.stringMatching(/^FORMAT_/) });
    expect(`${error.message} ${JSON.stringify(error.data)}`).toMatch(words);
  });
});

test.skipIf(!canLoop)('a member that is a whole disk, beside one that was not saved', async () => {
  const disk = bench.file('whole.img', 80 * MIB);
  const parts = [0, 40].map((start) => ({ startBytes: start * MIB, lengthBytes: 40 * MIB }));
  const lvm = lvmOn(bench, disk, parts);
  lvm('vgcreate', '-y', '-s', '1M', GROUP, ...lvm.devices);
  lvm.create('-n', 'bytes', '-l', '8', GROUP, lvm.devices[0]);
  lvm.create('-n', 'far', '-l', '3', GROUP, lvm.devices[1]);
  const content = noise('whole disk', 8 * MIB);
  writeFileSync(bench.path('content'), content);
  lvm.fill(`${GROUP}/bytes`, bench.path('content'));
  const folder = `${disk}.clone`;
  mkdirSync(folder);
  writeFileSync(`${folder}/parts`, 'sdb\n');
  writeFileSync(`${folder}/disk`, 'sdb\n');
  writeFileSync(`${folder}/sdb-pt.sf`, '');
  writeFileSync(`${folder}/sdb-pt.parted`, `Disk /dev/sdb: ${(40 * MIB) / 512}s\nPartition Table: unknown\n`);
  saveGroup(folder, lvm, ['/dev/sdb', '/NOT_FOUND'], disk, parts);
  // a volume's device by its other name
  changeFile(`${folder}/lvm_logv.list`, (text) => text.replace(`/dev/${GROUP}/bytes`, '/dev/mapper/ubuntu--vg-bytes'));
  renameSync(`${folder}/${GROUP}-bytes.dd-img.zst`, `${folder}/mapper-ubuntu--vg-bytes.dd-img.zst`);
  run('dd', 'if=/dev/zero', `of=${disk}`, 'bs=1M', 'count=40', 'conv=notrunc', 'status=none');
  run('dd', `if=${await restore(folder)}`, `of=${disk}`, 'bs=1M', 'conv=notrunc', 'status=none');
  for (const device of lvm.devices) run('blockdev', '--flushbufs', device);
  lvm('vgck', GROUP);
  expect(readFileSync(lvm.cut(`${GROUP}/bytes`, disk, parts, bench.path('is'))).equals(content)).toBe(true);
  detachAll(bench, lvm);
});

function removeFrom(folder: string, names: RegExp): void {
  for (const name of readdirSync(folder).filter((file) => names.test(file))) rmSync(`${folder}/${name}`);
}

function changeFile(path: string, change: (text: string) => string): void {
  writeFileSync(path, change(readFileSync(path, 'utf8')));
}

function changeList(folder: string, pattern: RegExp, by: string): void {
  changeFile(`${folder}/lvm_vg_dev.list`, (text) => text.replace(pattern, by));
}

function cutText(folder: string): void {
  changeFile(`${folder}/lvm_${GROUP}.conf`, (text) => text.slice(0, text.length / 2));
}
