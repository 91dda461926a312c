/** XFS that kernels of today no longer mount, filled by mkfs.xfs itself from a folder: against xfs_db, xfs_repair and that folder. */
import { mkdirSync, readdirSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { proves } from '../../support/matrix.ts';
import { expectSameTree, fillTree } from '../../support/trees.ts';
import { copyOntoOnes, difference, MIB, NO_DIFFERENCE, readUsed, run, scratchFolder, usedUnits } from './images.ts';
import { askXfsDb, browsed, makeXfs, prototypeOf, xfsDbUsed } from './xfs-images.ts';

const folder = scratchFolder();
const subject = 'XFS';
const prototype = () => join(folder, 'prototype');
/** In version 5, mkfs.xfs writes links that do not fit the inode without their headers: xfs_repair would clear them. */
const LONG_LINKS = ['link-of-600', 'link-of-1000', 'link-of-1023'];
const withoutLongLinks = () => join(folder, 'without-long-links');
const root = () => join(folder, 'tree');

/** A prototype cannot say everything: names without spaces, no second names, no times. */
beforeAll(() => {
  mkdirSync(root());
  fillTree(root(), { isPosix: false, hasHoles: false, smallFiles: 60, largeBytes: 400_000 });
  withoutSpaces(root());
  symlinkSync('names/UPPER.TXT', join(root(), 'short-link'));
  for (const length of [150, 600, 1000, 1023]) {
    symlinkSync('far/'.repeat(256).slice(0, length), join(root(), `link-of-${length}`));
  }
  // Their own blocks lie between those of the folder, so that the folder's extents need a tree.
  mkdirSync(join(root(), 'in-pieces'));
  for (let i = 0; i < 600; i++) {
    writeFileSync(join(root(), 'in-pieces', `${i}-${'z'.repeat(i % 200)}`), `${i}\n`.repeat(50));
  }
  mkdirSync(join(root(), 'leaf'));
  for (let i = 0; i < 200; i++) writeFileSync(join(root(), 'leaf', `name-${i}`), '');
  const described = prototypeOf(root());
  writeFileSync(prototype(), described);
  const isLong = (line: string) => LONG_LINKS.includes(line.split(' ')[0]);
  writeFileSync(
    withoutLongLinks(),
    described
      .split('\n')
      .filter((line) => !isLong(line))
      .join('\n'),
  );
});

function withoutSpaces(path: string): void {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const name = entry.name.replaceAll(' ', '_');
    renameSync(join(path, entry.name), join(path, name));
    if (entry.isDirectory()) withoutSpaces(join(path, name));
  }
}

const MATRIX: { feature: string; args: string[]; isVersion5?: boolean }[] = [
  { feature: 'version 4', args: ['-m', 'crc=0'] },
  { feature: 'version 4 without file types', args: ['-m', 'crc=0', '-n', 'ftype=0'] },
  { feature: 'version 4, blocks of 512 bytes', args: ['-m', 'crc=0', '-b', 'size=512', '-d', 'agcount=6'] },
  { feature: 'version 4, blocks of 64 KiB', args: ['-m', 'crc=0', '-b', 'size=65536', '-d', 'agcount=2'] },
  {
    feature: 'version 4 of 2001: log of version 1, old attributes, counters in the superblock',
    args: ['-m', 'crc=0', '-l', 'version=1,lazy-count=0', '-i', 'attr=1,projid32bit=0', '-n', 'ftype=0'],
  },
  { feature: 'version 4, folder blocks of 64 KiB', args: ['-m', 'crc=0', '-n', 'size=65536', '-b', 'size=1024'] },
  { feature: 'version 4, sectors of 4 KiB', args: ['-m', 'crc=0', '-s', 'size=4096', '-i', 'size=1024'] },
  { feature: 'names without regard to case (ASCII)', args: ['-n', 'version=ci'], isVersion5: true },
];

describe('filled by mkfs.xfs', () => {
  test.for(MATRIX)('$feature', async ({ feature, args, isVersion5 }, context) => {
    const from = isVersion5 ? withoutLongLinks() : prototype();
    const image = makeXfs(join(folder, 'image'), 128 * MIB, ['-L', 'old', '-p', from, ...args]);
    const { fileSystem, extents } = await readUsed(image);
    expect(fileSystem).toMatchObject({ kind: 'xfs', label: 'old', captureAs: 'used-blocks', warnings: [] });
    const told = xfsDbUsed(image);
    expect(fileSystem).toMatchObject({ blockBytes: told.blockBytes, lengthBytes: told.lengthBytes });
    expect(difference(usedUnits(extents, told.blockBytes), told.used)).toEqual(NO_DIFFERENCE);
    proves(context, { subject, feature, aspect: 'used blocks', judge: 'xfs_db' });

    const copy = copyOntoOnes(image, join(folder, 'copy'), statSync(image).size, extents);
    run('xfs_repair', ['-n', copy]);
    proves(context, { subject, feature, aspect: 'deploy', judge: 'xfs_repair' });
    const count = await browsed(copy, (tree) =>
      expectSameTree(tree, root(), { timeToleranceMs: null, ignored: isVersion5 ? LONG_LINKS : [] }),
    );
    expect(count).toBeGreaterThan(900);
    proves(context, { subject, feature, aspect: 'files', judge: 'mkfs.xfs' });
  });
});

test('names are found whatever their case, where the file system says so', async () => {
  const image = makeXfs(join(folder, 'ci'), 128 * MIB, ['-n', 'version=ci', '-p', withoutLongLinks()]);
  await browsed(image, async (tree) => {
    const upper = (await tree.find(tree.root, 'NAMES'))!;
    expect(upper.kind).toBe('folder');
    expect(await tree.find(upper, 'upper.txt')).toMatchObject({ kind: 'file', lengthBytes: 9 });
    const many = (await tree.find(tree.root, 'In-Pieces'))!;
    expect(await tree.find(many, '1-Z')).toMatchObject({ kind: 'file', lengthBytes: 100 });
    expect(await tree.find(many, '1-ZZ')).toBeNull();
  });
});

test('the folder in pieces has a tree of extents, in version 4 too', () => {
  const image = makeXfs(join(folder, 'pieces'), 128 * MIB, ['-m', 'crc=0', '-p', prototype()]);
  const inode = /^\d+ +(\d+) .*in-pieces/m.exec(askXfsDb(image, 'sb 0', 'addr rootino', 'ls'))?.[1];
  expect(askXfsDb(image, `inode ${inode}`, 'p core.format')).toContain('(btree)');
});

test('inodes of version 1, which count their names elsewhere', async (context) => {
  const image = makeXfs(join(folder, 'version-1'), 64 * MIB, ['-m', 'crc=0', '-p', prototype()]);
  const inode = await browsed(image, async (tree) => (await tree.find(tree.root, 'large'))!.id);
  const write = ['write core.version 1', 'write core.nlinkv1 3'];
  run('xfs_db', ['-x', ...[`inode ${inode}`, ...write].flatMap((command) => ['-c', command]), image]);
  expect(askXfsDb(image, `inode ${inode}`, 'p core.version core.nlinkv1')).toMatch(/version = 1\ncore.nlinkv1 = 3/);
  await browsed(image, async (tree) => {
    expect(await tree.find(tree.root, 'large')).toMatchObject({ linkCount: 3, lengthBytes: 400_000, kind: 'file' });
    expect(await expectSameTree(tree, root(), { timeToleranceMs: null, isPosix: false })).toBeGreaterThan(900);
  });
  proves(context, { subject, feature: 'inodes of version 1', aspect: 'files', judge: 'xfs_db' });
});
