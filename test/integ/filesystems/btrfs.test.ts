/** btrfs against the kernel, btrfs-progs and partclone: options of mkfs, compression, subvolumes, shared and reserved extents. */
import { closeSync, mkdirSync, openSync, symlinkSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { noise } from '../../support/disks.ts';
import { proves } from '../../support/matrix.ts';
import { expectSameTree, fillTree } from '../../support/trees.ts';
import { canLoop } from '../../support/workbench.ts';
import { browsed, dumpTree, expectSound, fillSmall, make, mounted, SECTOR } from './btrfs-images.ts';
import { partcloneUnits, readUsed, run, scratchFolder, usedUnits } from './images.ts';

const folder = scratchFolder();

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

const writeAt = (path: string, offsetBytes: number, bytes: Buffer) => {
  const file = openSync(path, 'r+');
  writeSync(file, bytes, 0, bytes.length, offsetBytes);
  closeSync(file);
};

describe.skipIf(!canLoop)('used blocks and files (needs root for loop mounts)', () => {
  test.for(MKFS)('%s', async ([feature, options], context) => {
    proves(
      context,
      { subject: 'Btrfs', feature, aspect: 'used blocks', judge: 'btrfs check' },
      { subject: 'Btrfs', feature, aspect: 'files', judge: 'kernel' },
    );
    await expectSound(await make(folder, feature, { mkfs: options }));
  });

  test('another identity than that of its metadata', async (context) => {
    proves(context, { subject: 'Btrfs', feature: 'UUID changed', aspect: 'files', judge: 'kernel' });
    const image = await make(folder, 'identity');
    run('btrfstune', ['-m', image]);
    await expectSound(image);
  });

  /** Partclone takes too much (places on the device that have the number of a logical address), and no second copies of "dup". */
  test.for([
    ['single', ['-m', 'single', '-d', 'single']],
    ['mixed', ['--mixed', '-m', 'single', '-d', 'single']],
  ] as const)('no block that partclone does without: %s', async ([name, options], context) => {
    proves(context, { subject: 'Btrfs', feature: 'default options', aspect: 'used blocks', judge: 'partclone' });
    const image = await make(folder, `partclone ${name}`, { mkfs: [...options] });
    const { unitBytes, used } = partcloneUnits('partclone.btrfs', image, folder);
    const { extents } = await readUsed(image);
    const units = Array.from(usedUnits(extents, SECTOR), (sector) => Math.floor((sector * SECTOR) / unitBytes));
    expect(units.length).toBeGreaterThan(100);
    expect(units.filter((unit) => !used.has(unit))).toEqual([]);
  });

  test.for([
    ['zlib', 'zlib', 1],
    ['lzo', 'lzo', 2],
    ['zstd', 'zstd:3', 3],
  ] as const)('compressed by %s', async ([name, option, number], context) => {
    proves(context, { subject: 'Btrfs', feature: `compressed by ${name}`, aspect: 'files', judge: 'kernel' });
    const text = (length: number) => Buffer.alloc(length, `so many words ${length} `);
    const image = await make(folder, `compressed ${name}`, {
      mount: `compress-force=${option}`,
      fill(point) {
        fillSmall(point);
        // text that shrinks, in extents of every length, and small files in the tree
        for (const length of [100, 1900, 4095, 4097, 130_000, 700_001]) {
          writeFileSync(join(point, `text ${length}`), text(length));
        }
        writeFileSync(join(point, 'half noise'), Buffer.concat([noise('half', 65_536), text(65_536)]));
        run('sync', ['-f', point]);
        run('cp', ['--reflink=always', join(point, 'text 700001'), join(point, 'reflinked')]);
        // the extents that were there go on before and behind
        for (const at of [60_000, 300_000, 300_500]) writeAt(join(point, 'reflinked'), at, noise(`${at}`, 9000));
      },
    });
    const files = dumpTree(image, '5');
    expect(files).toMatch(new RegExp(`inline extent data size \\d+ ram_bytes \\d+ compression ${number}`));
    expect(files).toMatch(
      new RegExp(`extent data offset [1-9]\\d+ nr \\d+ ram \\d+\\n\\s+extent compression ${number}`),
    );
    await expectSound(image);
  });

  test('subvolumes, snapshots, reflinks, reserved space', async (context) => {
    proves(
      context,
      { subject: 'Btrfs', feature: 'subvolumes and snapshots', aspect: 'files', judge: 'kernel' },
      { subject: 'Btrfs', feature: 'shared extents (reflinks)', aspect: 'files', judge: 'kernel' },
      { subject: 'Btrfs', feature: 'reserved space', aspect: 'files', judge: 'kernel' },
    );
    const image = await make(folder, 'subvolumes', {
      fill(point) {
        run('btrfs', ['subvolume', 'create', join(point, 'home')]);
        run('btrfs', ['subvolume', 'create', join(point, 'home', 'inner')]);
        fillTree(join(point, 'home'), { smallFiles: 60, largeBytes: 400_000 });
        writeFileSync(join(point, 'home', 'inner', 'file'), noise('inner', 10_000));
        run('btrfs', ['subvolume', 'snapshot', '-r', join(point, 'home', 'inner'), join(point, 'snapshot')]);
        writeFileSync(join(point, 'home', 'inner', 'file'), noise('changed', 20_000));
        run('cp', ['--reflink=always', join(point, 'home', 'large'), join(point, 'home', 'reflinked')]);
        writeAt(join(point, 'home', 'reflinked'), 100_000, noise('over', 30_000));
        run('fallocate', ['-l', '300000', join(point, 'reserved')]);
        writeFileSync(join(point, 'reserved'), noise('part', 5000), { flag: 'r+' });
        run('fallocate', ['-p', '-o', '8192', '-l', '50000', join(point, 'home', 'large')]);
        run('btrfs', ['subvolume', 'create', join(point, 'gone')]);
        writeFileSync(join(point, 'gone', 'file'), noise('gone', 50_000));
        run('btrfs', ['subvolume', 'delete', '-c', join(point, 'gone')]);
        mkdirSync(join(point, 'more'));
        for (let i = 0; i < 60; i++) symlinkSync(`target ${i}`, join(point, 'more', `link ${i}`));
      },
    });
    expect(dumpTree(image, '5')).toContain('prealloc data disk byte');
    await expectSound(image);
  });

  test('a snapshot of a folder with a subvolume shows an empty folder', async (context) => {
    proves(context, { subject: 'Btrfs', feature: 'subvolumes and snapshots', aspect: 'files', judge: 'kernel' });
    const image = await make(folder, 'nested', {
      fill(point) {
        run('btrfs', ['subvolume', 'create', join(point, 'a')]);
        run('btrfs', ['subvolume', 'create', join(point, 'a', 'b')]);
        writeFileSync(join(point, 'a', 'b', 'file'), 'here');
        run('chown', ['1000:1001', join(point, 'a', 'b'), join(point, 'a')]);
        run('btrfs', ['subvolume', 'snapshot', join(point, 'a'), join(point, 'copy')]);
        // a name moved elsewhere is no longer that of its snapshot
        run('mv', [join(point, 'a', 'b'), join(point, 'moved')]);
        run('touch', ['-d', '2001-02-03', join(point, 'copy'), join(point, 'a')]);
      },
    });
    await browsed(image, (tree) =>
      mounted(image, 'ro', async (point) => {
        // of the empty folder, the kernel says that it was changed just now
        expect(await expectSameTree(tree, point, { timeToleranceMs: null })).toBe(5);
        const copy = await tree.find(tree.root, 'copy');
        expect(await tree.find(copy!, 'b')).toMatchObject({ modifiedMs: null, ownerId: 1000, groupId: 1001 });
      }),
    );
  });

  test('a folder of thousands, found one by one', async () => {
    const fill = (point: string) => fillTree(point, { smallFiles: 3000, largeBytes: 100_000 });
    await expectSound(await make(folder, 'thousands', { fill }));
  });

  test('names that are no UTF-8', async () => {
    const image = await make(folder, 'names', {
      fill(point) {
        writeFileSync(Buffer.concat([Buffer.from(`${point}/caf`), Buffer.from([0xe9])]), 'latin');
      },
    });
    await browsed(image, async (tree) => {
      const names: string[] = [];
      for await (const batch of tree.list(tree.root, new AbortController().signal)) {
        names.push(...batch.map(({ name }) => name));
      }
      expect(names).toEqual(['caf\\xe9']);
      expect(await tree.find(tree.root, 'caf\\xe9')).toMatchObject({ kind: 'file', lengthBytes: 5 });
    });
  });
});
