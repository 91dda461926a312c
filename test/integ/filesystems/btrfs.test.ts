/** btrfs against the kernel and btrfs-progs: options of mkfs, subvolumes, snapshots, compression, logs that are not empty. */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openFileSource } from '../../../src-engine/formats/raw/file-source.ts';
import { recogniseFileSystem } from '../../../src-engine/filesystems/recognise.ts';
import { noise } from '../../support/disks.ts';
import { proves } from '../../support/matrix.ts';
import { expectSameTree, fillTree } from '../../support/trees.ts';
import { copyOntoOnes, emptyImage, MIB, readUsed, run, scratchFolder } from './images.ts';

const folder = scratchFolder();
const SIZE = 300 * MIB;

function mounted<T>(image: string, options: string, work: (point: string) => T): T {
  const point = mkdtempSync(join(tmpdir(), 'diskpress-btrfs-'));
  run('mount', ['-o', `loop,${options}`, image, point]);
  try {
    return work(point);
  } finally {
    run('umount', [point]);
    rmSync(point, { recursive: true });
  }
}

async function mountedLater(image: string, options: string, work: (point: string) => Promise<void>): Promise<void> {
  const point = mkdtempSync(join(tmpdir(), 'diskpress-btrfs-'));
  run('mount', ['-o', `loop,${options}`, image, point]);
  try {
    await work(point);
  } finally {
    run('umount', [point]);
    rmSync(point, { recursive: true });
  }
}

function make(name: string, mkfs: string[], mount: string, fill: (point: string) => void, lengthBytes = SIZE): string {
  const image = emptyImage(join(folder, name.replaceAll(/\W+/g, '-')), lengthBytes);
  run('mkfs.btrfs', ['-q', '-L', 'a label', ...mkfs, image]);
  mounted(image, mount, fill);
  return image;
}

const fillSmall = (point: string) => fillTree(point, { smallFiles: 120, largeBytes: 900_000 });

/** What is read is what the kernel shows of the original and of a copy that holds the used bytes alone; the copy is sound. */
async function expectSound(image: string): Promise<void> {
  const { fileSystem, extents } = await readUsed(image);
  expect(fileSystem).toMatchObject({ kind: 'btrfs', label: 'a label', captureAs: 'used-blocks', warnings: [] });
  expect(fileSystem.uuid).toBe(/uuid: ([0-9a-f-]+)/.exec(run('btrfs', ['filesystem', 'show', image]))![1]);
  expect(extents.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0)).toBeLessThan(SIZE / 4);
  const copy = copyOntoOnes(image, `${image}.copy`, SIZE, extents);
  run('btrfs', ['check', '--readonly', '--check-data-csum', copy]);
  const source = await openFileSource(copy);
  try {
    const tree = await (await recogniseFileSystem(source))!.browse!();
    await mountedLater(image, 'ro', async (point) => {
      expect(await expectSameTree(tree, point)).toBeGreaterThan(100);
    });
  } finally {
    await source.close();
    rmSync(copy);
  }
}

const MKFS: [string, string[]][] = [
  ['default options', []],
  ['metadata once (single)', ['-m', 'single']],
  ['metadata and data twice (dup)', ['-m', 'dup', '-d', 'dup']],
  ['mixed block groups', ['--mixed']],
  ['nodes of 4 KiB', ['-n', '4096']],
  ['nodes of 64 KiB', ['-n', '65536']],
  ['sums by xxHash', ['--csum', 'xxhash']],
  ['sums by SHA-256', ['--csum', 'sha256']],
  ['sums by BLAKE2', ['--csum', 'blake2']],
  ['holes with extents', ['-O', '^no-holes']],
  ['without a tree of free space', ['-R', '^free-space-tree']],
];

describe('used blocks and files', () => {
  test.for(MKFS)('%s', async ([feature, options], context) => {
    proves(
      context,
      { subject: 'Btrfs', feature, aspect: 'used blocks', judge: 'btrfs check' },
      { subject: 'Btrfs', feature, aspect: 'files', judge: 'kernel' },
    );
    await expectSound(make(feature, options, 'nobarrier', fillSmall));
  });

  test.for(['zlib', 'lzo', 'zstd:3'])('compressed by %s', async (kind, context) => {
    proves(context, {
      subject: 'Btrfs',
      feature: `compressed by ${kind.replace(':3', '')}`,
      aspect: 'files',
      judge: 'kernel',
    });
    const image = make(`compressed ${kind}`, [], `compress-force=${kind}`, (point) => {
      fillSmall(point);
      // text that shrinks, in extents of every length, and a small file in the tree
      for (const length of [100, 4095, 4097, 130_000, 700_001]) {
        writeFileSync(join(point, `text ${length}`), Buffer.alloc(length, `so many words ${length} `));
      }
    });
    await expectSound(image);
  });

  test('subvolumes, snapshots, reflinks, reserved space', async (context) => {
    proves(context, { subject: 'Btrfs', feature: 'subvolumes and snapshots', aspect: 'files', judge: 'kernel' });
    const image = make('subvolumes', [], 'nobarrier', (point) => {
      run('btrfs', ['subvolume', 'create', join(point, 'home')]);
      run('btrfs', ['subvolume', 'create', join(point, 'home', 'inner')]);
      fillTree(join(point, 'home'), { smallFiles: 60, largeBytes: 400_000 });
      writeFileSync(join(point, 'home', 'inner', 'file'), noise('inner', 10_000));
      run('btrfs', ['subvolume', 'snapshot', '-r', join(point, 'home', 'inner'), join(point, 'snapshot')]);
      writeFileSync(join(point, 'home', 'inner', 'file'), noise('changed', 20_000));
      run('cp', ['--reflink=always', join(point, 'home', 'large'), join(point, 'home', 'reflinked')]);
      run('fallocate', ['-l', '300000', join(point, 'reserved')]);
      writeFileSync(join(point, 'reserved'), noise('part', 5000), { flag: 'r+' });
      run('btrfs', ['subvolume', 'create', join(point, 'gone')]);
      writeFileSync(join(point, 'gone', 'file'), noise('gone', 50_000));
      run('btrfs', ['subvolume', 'delete', '-c', join(point, 'gone')]);
      mkdirSync(join(point, 'more'));
      for (let i = 0; i < 60; i++) symlinkSync(`target ${i}`, join(point, 'more', `link ${i}`));
    });
    await expectSound(image);
  });

  test('a snapshot of a folder with a subvolume shows an empty folder', async () => {
    const image = make('nested', [], 'nobarrier', (point) => {
      run('btrfs', ['subvolume', 'create', join(point, 'a')]);
      run('btrfs', ['subvolume', 'create', join(point, 'a', 'b')]);
      writeFileSync(join(point, 'a', 'b', 'file'), 'here');
      run('btrfs', ['subvolume', 'snapshot', join(point, 'a'), join(point, 'copy')]);
    });
    const source = await openFileSource(image);
    const tree = await (await recogniseFileSystem(source))!.browse!();
    await mountedLater(image, 'ro', async (point) => {
      await expectSameTree(tree, point, { isPosix: false, timeToleranceMs: null });
    });
    await source.close();
  });

  test('a folder of thousands, found one by one', async () => {
    const image = make('thousands', [], 'nobarrier', (point) => {
      fillTree(point, { smallFiles: 3000, largeBytes: 100_000 });
    });
    await expectSound(image);
  });
});

describe('what is not simply there', () => {
  test('a log after a crash: told, and captured whole', async (context) => {
    proves(context, {
      subject: 'Btrfs',
      feature: 'log that was not replayed: captured whole',
      aspect: 'used blocks',
      judge: 'kernel',
    });
    const image = make('log', [], 'nobarrier', fillSmall);
    const crashed = `${image}.crashed`;
    mounted(image, 'commit=300', (point) => {
      run('sync', ['-f', point]);
      run('dd', ['if=/dev/urandom', `of=${join(point, 'made sure of')}`, 'bs=10000', 'count=3', 'conv=fsync']);
      copyFileSync(image, crashed);
    });
    const { fileSystem, extents } = await readUsed(crashed);
    expect(fileSystem.warnings.map(({ code }) => code)).toEqual(['JOURNAL_NOT_CLEAN']);
    expect(extents).toEqual([{ startBytes: 0, lengthBytes: SIZE }]);
  });

  test('several devices and stripes are refused by name', async () => {
    const images = [0, 1].map((i) => emptyImage(join(folder, `several-${i}`), SIZE));
    run('mkfs.btrfs', ['-q', '-f', '-m', 'raid1', ...images]);
    for (const image of images) {
      await expect(readUsed(image)).rejects.toMatchObject({
        code: 'FORMAT_UNSUPPORTED',
        data: { feature: 'several devices', devices: 2 },
      });
    }
  });

  test('the copy of the superblock is captured', async () => {
    const image = make('superblocks', [], 'nobarrier', fillSmall);
    const { extents } = await readUsed(image);
    // the copy at 64 MiB is captured too
    expect(
      extents.some(({ startBytes, lengthBytes }) => startBytes <= 64 * MIB && 64 * MIB < startBytes + lengthBytes),
    ).toBe(true);
  });
});
