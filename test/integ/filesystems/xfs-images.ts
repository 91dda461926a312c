/** XFS images for tests: made by mkfs.xfs, filled by the kernel or, where it no longer mounts them, by mkfs.xfs itself. */
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { openFileSource } from '../../../src-engine/formats/raw/file-source.ts';
import { blockChecksum } from '../../../src-engine/filesystems/xfs/checksum.ts';
import type { FileTree } from '../../../src-engine/filesystems/file-tree.port.ts';
import { recogniseFileSystem } from '../../../src-engine/filesystems/recognise.ts';
import { noise } from '../../support/disks.ts';
import { fillTree } from '../../support/trees.ts';
import { emptyImage, run } from './images.ts';
import { unmount } from '../../support/unmount.ts';

/** mkfs.xfs makes nothing below 300 MB but for the tests of XFS itself, which it knows by these. */
const SMALL = { TEST_DIR: '/', TEST_DEV: '/', QA_CHECK_FS: '/' };

export function makeXfs(path: string, lengthBytes: number, args: string[]): string {
  emptyImage(path, lengthBytes);
  const env = { ...process.env, ...SMALL, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
  execFileSync('mkfs.xfs', ['-q', ...args, path], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  return path;
}

/** What mkfs.xfs -p takes: a folder, its files and links, described (mkfs.xfs(8), "prototype file"). Names have no spaces. */
export function prototypeOf(root: string): string {
  const describe = (path: string, name: string): string => {
    const stat = lstatSync(path);
    const mode = (stat.mode & 0o777).toString(8).padStart(3, '0');
    const special = `${stat.mode & 0o4000 ? 'u' : '-'}${stat.mode & 0o2000 ? 'g' : '-'}`;
    const owner = `${special}${mode} ${stat.uid} ${stat.gid}`;
    if (stat.isSymbolicLink()) return `${name} l${owner} ${readlinkSync(path)}\n`;
    if (stat.isFIFO()) return `${name} p${owner}\n`;
    if (!stat.isDirectory()) return `${name} -${owner} ${path}\n`;
    const children = readdirSync(path).map((child) => describe(join(path, child), child));
    return `${name} d${owner}\n${children.join('')}$\n`;
  };
  return `/dev/null\n0 0\n${describe(root, '').trimStart()}`;
}

/**
 * Fills a mounted folder with what XFS keeps in ways of its own: folders of every form, a file with a tree of extents, reserved
 * and shared blocks, long links, attributes, devices.
 */
export function fillXfs(root: string, hasReflink = false): void {
  fillTree(root, { smallFiles: 90, largeBytes: 500_000 });
  for (const [name, count] of [
    ['folder of one block', 30],
    ['folder of one leaf', 300],
    ['folder of many leaves', 1000],
  ] as const) {
    mkdirSync(join(root, name));
    writeFileSync(join(root, name, 'first'), name);
    for (let i = 1; i < count; i++)
      linkSync(join(root, name, 'first'), join(root, name, `name ${i} ${'x'.repeat(i % 40)}`));
    for (let i = 5; i < count; i += 7) rmSync(join(root, name, `name ${i} ${'x'.repeat(i % 40)}`));
  }
  // Links of this length have blocks of their own, so that the blocks of the folder lie apart: their extents need a tree.
  mkdirSync(join(root, 'folder in pieces'));
  for (let i = 0; i < 700; i++) {
    symlinkSync(
      `${i}/${'far/'.repeat(60 + (i % 190))}away`,
      join(root, 'folder in pieces', `link ${i} ${'y'.repeat(i % 200)}`),
    );
  }
  symlinkSync('far/'.repeat(255), join(root, 'folder in pieces', 'remote'));
  writeBackwards(join(root, 'every other block'), 4000);
  const reserve = ['-f', '-c', 'falloc 0 1m', '-c', 'pwrite -q -S 7 300k 50k', '-c', 'falloc -k 1m 1m'];
  run('xfs_io', [...reserve, join(root, 'reserved')]);
  run('mknod', [join(root, 'block device'), 'b', '7', '9']);
  run('mknod', [join(root, 'character device'), 'c', '1', '3']);
  run('mkfifo', [join(root, 'fifo')]);
  run('python3', ['-c', MAKE_SOCKET_AND_ATTRIBUTES, root]);
  if (hasReflink) shareBlocks(root);
}

/** Attributes that do not fit the inode take room from the extents in it. */
const MAKE_SOCKET_AND_ATTRIBUTES = `
import os, stat, sys
root = sys.argv[1]
os.mknod(root + '/socket', stat.S_IFSOCK | 0o600)
for name, size in (('large', 3000), ('deep', 40), ('names', 900), ('fragmented', 60)):
    for i in range(12):
        os.setxattr(root + '/' + name, 'user.attribute%d' % i, b'v' * size)
`;

/** Every other block from the end on, so that nothing is reserved behind the end: an extent for each. */
function writeBackwards(path: string, blocks: number): void {
  const file = openSync(path, 'w');
  const bytes = noise('every other block', 4096);
  for (let i = blocks; i >= 0; i -= 2) writeSync(file, bytes, 0, 4096 - (i % 3), i * 4096);
  closeSync(file);
}

function shareBlocks(root: string): void {
  const copy = join(root, 'shared with large');
  run('cp', ['--reflink=always', join(root, 'large'), copy]);
  const file = openSync(copy, 'r+');
  writeSync(file, noise('changed', 5000), 0, 5000, 100_000);
  closeSync(file);
  run('cp', ['--reflink=always', join(root, 'every other block'), join(root, 'every other block, shared')]);
}

/** Mounts an image for as long as `use` takes. */
export async function mounted<T>(
  folder: string,
  image: string,
  options: string,
  use: (root: string) => T,
): Promise<Awaited<T>> {
  const root = join(folder, `mnt-${options.replaceAll(/\W/g, '')}`);
  mkdirSync(root, { recursive: true });
  run('mount', ['-t', 'xfs', '-o', options, image, root]);
  try {
    return await use(root);
  } finally {
    unmount(root);
  }
}

/** Opens the files of an image for as long as `use` takes. */
export async function browsed<T>(image: string, use: (tree: FileTree) => Promise<T>): Promise<T> {
  const source = await openFileSource(image);
  try {
    const fileSystem = await recogniseFileSystem(source);
    return await use(await fileSystem!.browse!());
  } finally {
    await source.close();
  }
}

/** What xfs_db prints, and what it complains of. */
export function askXfsDb(image: string, ...commands: string[]): string {
  return run('sh', ['-c', 'xfs_db -r "$@" 2>&1', 'sh', ...commands.flatMap((command) => ['-c', command]), image]);
}

/** What xfs_db knows of the free space: all else is used; and the blocks that wait in the free lists, which it counts as free. */
export function xfsDbUsed(image: string) {
  const numbers = (...commands: string[]) =>
    Array.from(askXfsDb(image, ...commands).matchAll(/= (\d+)/g), ([, number]) => Number(number));
  const [blockBytes, blocks, agBlocks, agCount] = numbers('sb 0', 'p blocksize dblocks agblocks agcount');
  const used = new Set(Array.from({ length: blocks }, (_, block) => block));
  for (const [, ag, first, count] of askXfsDb(image, 'freesp -d').matchAll(/^ +(\d+) +(\d+) +(\d+)$/gm)) {
    for (let i = 0; i < Number(count); i++) used.delete(Number(ag) * agBlocks + Number(first) + i);
  }
  const waiting = new Set<number>();
  for (let ag = 0; ag < agCount; ag++) {
    const [first, last, count] = numbers(`agf ${ag}`, 'p flfirst fllast flcount');
    const slots = /bno\[0-(\d+)\] = (.*)/.exec(askXfsDb(image, `agfl ${ag}`, 'p bno')) ?? ['', '', ''];
    const list = Array.from(slots[2].matchAll(/\d+:(\d+|null)/g), ([, block]) => Number(block));
    for (let i = 0; i < count; i++) waiting.add(ag * agBlocks + list[(first + i) % (Number(slots[1]) + 1)]);
    if (count > 0) waiting.add(ag * agBlocks + list[last]);
  }
  return { blockBytes, lengthBytes: blocks * blockBytes, used: used.union(waiting), waiting };
}

const FEATURES_AT = { roCompat: 212, incompat: 216 };

/** Sets flags in the superblock, with its checksum put right. */
export function setFeature(image: string, group: keyof typeof FEATURES_AT, flags: number): void {
  const bytes = readFileSync(image);
  const at = FEATURES_AT[group];
  bytes.writeUInt32BE((bytes.readUInt32BE(at) | flags) >>> 0, at);
  const sector = bytes.subarray(0, bytes.readUInt16BE(102));
  sector.writeUInt32LE(blockChecksum(sector, 224), 224);
  writeFileSync(image, bytes);
}
