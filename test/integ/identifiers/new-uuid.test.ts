/** File systems of every make get another UUID: blkid finds it, their own checks find nothing, copies of superblocks too, and their files are there. */
import { closeSync, openSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { expect, test } from 'vitest';
import { recogniseFileSystem } from '../../../src-engine/filesystems/recognise.ts';
import { uuidWay } from '../../../src-engine/filesystems/new-uuid.ts';
import { newId } from '../../../src-engine/identifiers/new-ids.ts';
import { setUuidByProgram } from '../../../src-engine/identifiers/uuid-programs.ts';
import { openFileSource } from '../../../src-engine/formats/raw/file-source.ts';
import { slice } from '../../../src-engine/disk/slice.ts';
import { makeExt4, makeTree } from '../../support/disks.ts';
import { CHECKS } from '../../support/identifiers.ts';
import { canLoop, MIB, run, workbench } from '../../support/workbench.ts';

const bench = workbench();
const OFFSET = 3 * MIB;
const signal = new AbortController().signal;

/** Somewhere on a disk, as a deploy has it. */
async function renewed(image: string): Promise<{ by: string; before: string; uuid: string }> {
  const disk = bench.file('disk', OFFSET);
  run('dd', `if=${image}`, `of=${disk}`, 'bs=1M', `seek=${OFFSET / MIB}`, 'conv=sparse,notrunc', 'status=none');
  const { size: lengthBytes } = statSync(disk);
  const source = await openFileSource(disk, { lengthBytes, sectorBytes: 512, physicalSectorBytes: 512 });
  const volume = slice(source, OFFSET, source.lengthBytes - OFFSET);
  const fileSystem = (await recogniseFileSystem(volume))!;
  const uuid = newId('seed', /^fat/.test(fileSystem.kind) ? 'serial' : 'uuid', image);
  const way = await uuidWay(volume, fileSystem.kind, uuid);
  const file = openSync(disk, 'r+');
  if (way.by === 'patches') {
    for (const { offsetBytes, bytes } of way.patches) writeSync(file, bytes, 0, bytes.length, OFFSET + offsetBytes);
  } else if (way.by === 'program') {
    const place = { descriptor: file, offsetBytes: OFFSET, lengthBytes: volume.lengthBytes, isDevice: false };
    await setUuidByProgram(fileSystem, place, uuid, signal);
  }
  closeSync(file);
  expect((await recogniseFileSystem(volume))!.uuid).toBe(way.by === 'nothing' ? fileSystem.uuid : uuid);
  await source.close();
  run('dd', `if=${disk}`, `of=${image}`, 'bs=1M', `skip=${OFFSET / MIB}`, 'conv=sparse', 'status=none');
  rmSync(disk);
  return { by: way.by, before: fileSystem.uuid, uuid };
}

const told = (image: string) => run('blkid', '-p', '-o', 'value', '-s', 'UUID', image).trim();

const EXTS: [name: string, by: string, ...options: string[]][] = [
  ['ext2', 'patches', '-t', 'ext2'],
  ['ext3 of old', 'patches', '-t', 'ext3', '-O', '^resize_inode,^dir_index'],
  ['ext4 without checksums, small blocks', 'patches', '-t', 'ext4', '-O', '^metadata_csum', '-b', '1024'],
  ['ext4 with sums of its descriptors', 'program', '-t', 'ext4', '-O', '^metadata_csum,uninit_bg'],
  ['ext4', 'program', '-t', 'ext4', '-O', 'metadata_csum,^metadata_csum_seed'],
  ['ext4 with a seed', 'patches', '-t', 'ext4', '-O', 'metadata_csum,metadata_csum_seed'],
  [
    'ext4 with two copies',
    'patches',
    '-t',
    'ext4',
    '-O',
    'metadata_csum,metadata_csum_seed,sparse_super2',
    '-b',
    '1024',
  ],
  ['ext4 with groups of groups', 'program', '-t', 'ext4', '-O', 'metadata_csum,meta_bg,^resize_inode', '-b', '1024'],
];

test.each(EXTS)('%s', async (_, by, ...options) => {
  const image = makeExt4(bench, 'ext.img', 24 * MIB, ...options);
  const files = run('debugfs', '-R', 'ls -l /', image);
  const { uuid, ...way } = await renewed(image);
  expect(way.by).toBe(by);
  expect(told(image)).toBe(uuid);
  run('e2fsck', '-f', '-n', image);
  // each copy of the superblock stands for itself
  const [blockBytes, copies] = [
    Number(/Block size: +(\d+)/.exec(run('dumpe2fs', '-h', image))![1]),
    [...run('dumpe2fs', image).matchAll(/Backup superblock at (\d+)/g)].map(([, block]) => block),
  ];
  for (const copy of by === 'patches' ? copies : []) {
    const head = run('dumpe2fs', '-h', '-o', `superblock=${copy}`, '-o', `blocksize=${blockBytes}`, image);
    expect(head).toContain(uuid);
  }
  expect(run('debugfs', '-R', 'ls -l /', image)).toBe(files);
});

test('ext4 whose files are encrypted with keys that are made of it keeps its own', async () => {
  const image = makeExt4(bench, 'stable.img', 8 * MIB, '-t', 'ext4', '-O', 'encrypt,stable_inodes');
  const { by, before } = await renewed(image);
  expect([by, told(image)]).toEqual(['nothing', before]);
  expect(() => run('tune2fs', '-U', 'random', image)).toThrow();
});

test.skipIf(!canLoop)('ext4 with a journal that waits', async () => {
  const image = makeExt4(bench, 'dirty.img', 24 * MIB, '-t', 'ext4');
  const point = bench.mount(image, 'loop,rw');
  writeFileSync(`${point}/new`, 'written\n');
  run('sync', '-f', point);
  run('cp', image, `${image}.crashed`);
  bench.unmount(point);
  const { uuid } = await renewed(`${image}.crashed`);
  expect(told(`${image}.crashed`)).toBe(uuid);
  run('e2fsck', '-f', '-n', `${image}.crashed`);
  expect(run('debugfs', '-R', 'cat /new', `${image}.crashed`)).toBe('written\n');
});

test.each(['12', '16', '32'])('FAT%s, and its copy', async (bits) => {
  const image = bench.file('fat.img', { '12': 2, '16': 16, '32': 40 }[bits]! * MIB);
  run('mkfs.vfat', '-F', bits, '-s', '1', '-i', 'abcd1234', image);
  const { uuid } = await renewed(image);
  expect(told(image)).toBe(uuid);
  // it compares both boot sectors
  run('fsck.vfat', '-n', image);
  expect(run('mdir', '-i', image)).toContain(uuid);
});

test('swap', async () => {
  const image = bench.file('swap.img', 4 * MIB);
  run('mkswap', '-L', 'pages', image);
  const { uuid } = await renewed(image);
  expect(run('swaplabel', image)).toBe(`LABEL: pages\nUUID:  ${uuid}\n`);
});

test.skipIf(!canLoop).each(['crc32c', 'xxhash', 'sha256'])('btrfs with %s', async (sums) => {
  const image = bench.file('btrfs.img', 128 * MIB);
  run('mkfs.btrfs', '-q', '--csum', sums, '-r', makeTree(bench, `tree-${sums}`, MIB), image);
  for (const _ of ['first', 'again']) {
    const { uuid } = await renewed(image);
    expect(told(image)).toBe(uuid);
    run('btrfs', 'check', image);
    run('btrfs', 'inspect-internal', 'dump-super', '-s', '1', image);
  }
  const point = bench.mount(image);
  expect(run('ls', point)).not.toBe('');
  bench.unmount(point);
});

test('btrfs with sums that are not made here keeps its own', async () => {
  const image = bench.file('blake.img', 128 * MIB);
  run('mkfs.btrfs', '-q', '--csum', 'blake2', image);
  expect((await renewed(image)).by).toBe('nothing');
});

/** This kernel knows version 5 alone; xfs_repair knows both. */
test.skipIf(!canLoop).each(['crc=1', 'crc=0'])('XFS with %s', async (version) => {
  const image = bench.file('xfs.img', 320 * MIB);
  run('mkfs.xfs', '-q', '-m', version, image);
  const isMounted = version === 'crc=1';
  if (isMounted) {
    const point = bench.mount(image, 'loop,rw,nouuid');
    writeFileSync(`${point}/file`, 'written\n');
    bench.unmount(point);
  }
  const { uuid } = await renewed(image);
  expect(told(image)).toBe(uuid);
  const [tool, ...args] = CHECKS.xfs;
  run(tool, ...args, image);
  if (!isMounted) return;
  // its own UUID: another disk of the template may be mounted beside it
  const again = bench.mount(image, 'loop');
  expect(run('cat', `${again}/file`)).toBe('written\n');
  bench.unmount(again);
});
