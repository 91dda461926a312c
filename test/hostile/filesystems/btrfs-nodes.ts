/** Small images of btrfs in memory, and where their nodes are. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32c } from '../../../src-engine/core/crc32c.ts';
import { noise } from '../../support/disks.ts';
import { run } from '../../support/workbench.ts';
import type { Region } from './harmless.ts';
import { unmount } from '../../support/unmount.ts';

const MIB = 1024 * 1024;
export const NODE = 4096;
export const SUPER = 65_536;

/** A new image with mixed block groups and everything once: what is changed has no other copy. */
function made(options: string[], fill: (image: string, folder: string) => void = () => {}): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'diskpress-btrfs-'));
  try {
    const image = join(folder, 'image');
    writeFileSync(image, '');
    truncateSync(image, 16 * MIB);
    run('mkfs.btrfs', '-q', '--mixed', '-m', 'single', '-d', 'single', '-n', String(NODE), ...options, image);
    fill(image, folder);
    return readFileSync(image);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Made by mkfs alone. Its trees have two levels and more. */
export function makeBtrfs(): Buffer {
  const root = mkdtempSync(join(tmpdir(), 'diskpress-btrfs-root-'));
  try {
    mkdirSync(join(root, 'deep', 'deeper'), { recursive: true });
    for (let i = 0; i < 120; i++)
      writeFileSync(join(root, i % 2 ? 'deep' : '.', `a file with a longer name ${i}`), noise(`${i}`, (i * 97) % 3000));
    writeFileSync(join(root, 'large'), noise('large', 300_000));
    truncateSync(join(root, 'large'), 900_000);
    symlinkSync('deep/deeper', join(root, 'link'));
    return made(['--rootdir', root]);
  } finally {
    rmSync(root, { recursive: true });
  }
}

export const COMPRESSIONS = ['zlib', 'lzo', 'zstd'];

/** 200,000 letters, half of them noise: extents of several sectors, however they are packed. */
const textOf = (seed: string) => noise(seed, 50_000).toString('hex').replaceAll(/.{20}/g, '$& and the same words.');

/** Filled through the kernel (root alone may): subvolume `a` with `b` in it, and for each compression a file of its name. */
export function makeKernelBtrfs(): Buffer {
  return made([], (image, folder) => {
    const point = join(folder, 'point');
    mkdirSync(point);
    run('mount', '-o', 'loop', image, point);
    try {
      run('btrfs', 'subvolume', 'create', join(point, 'a'));
      run('btrfs', 'subvolume', 'create', join(point, 'a', 'b'));
      for (const kind of COMPRESSIONS) {
        run('mount', '-o', `remount,compress-force=${kind}`, point);
        writeFileSync(join(point, 'a', kind), textOf(kind));
        writeFileSync(join(point, 'a', 'b', `${kind} in the tree`), Buffer.alloc(1800, `words of ${kind} `));
        run('sync', '-f', point);
      }
      run('cp', '--reflink=always', join(point, 'a', 'zlib'), join(point, 'a', 'b', 'shared'));
      run('fallocate', '-l', '50000', join(point, 'a', 'reserved'));
      run('btrfs', 'subvolume', 'snapshot', join(point, 'a'), join(point, 'a snapshot'));
    } finally {
      unmount(point);
    }
  });
}

/** Puts the checksum of a node or superblock right. */
export function seal(bytes: Buffer, start: number): void {
  bytes.writeUInt32LE(~crc32c(0xffffffff, bytes.subarray(start + 32, start + NODE)) >>> 0, start);
}

const ROOT_ITEM = 132;

/** Where the items of a leaf stand: head and data. */
export function itemsOf(bytes: Buffer, leaf: number): { head: number; type: number; data: number; length: number }[] {
  return Array.from({ length: bytes.readUInt32LE(leaf + 96) }, (_, i) => {
    const head = leaf + 101 + i * 25;
    const data = leaf + 101 + bytes.readUInt32LE(head + 17);
    return { head, type: bytes[head + 8], data, length: bytes.readUInt32LE(head + 21) };
  });
}

function nameOf(owner: bigint): string | undefined {
  if (owner === 5n || owner >= 256n) return 'file tree';
  return { 1: 'root tree', 2: 'extent tree', 3: 'chunk tree' }[Number(owner)];
}

/** Where the nodes are that the newest superblock leads to, by the tree that they belong to. */
export function nodesOf(bytes: Buffer): Map<string, number[]> {
  const keyAt = (at: number, generationAt: number) =>
    `${bytes.readBigUInt64LE(at)} ${bytes.readBigUInt64LE(generationAt)}`;
  const fsid = bytes.subarray(SUPER + 32, SUPER + 48);
  const places = new Map<string, number>();
  for (let start = 0; start + NODE <= bytes.length; start += NODE) {
    if (bytes.subarray(start + 32, start + 48).equals(fsid)) places.set(keyAt(start + 48, start + 80), start);
  }
  const nodes = new Map<string, number[]>();
  const queue = [keyAt(SUPER + 80, SUPER + 72), keyAt(SUPER + 88, SUPER + 164)];
  for (let key = queue.shift(); key; key = queue.shift()) {
    const start = places.get(key);
    if (start === undefined) throw new Error(`no node ${key}`);
    const owner = bytes.readBigUInt64LE(start + 88);
    const level = bytes[start + 100];
    if (level > 0) {
      for (let i = 0; i < bytes.readUInt32LE(start + 96); i++) {
        const pointer = start + 101 + i * 33;
        queue.push(keyAt(pointer + 17, pointer + 25));
      }
    } else if (owner === 1n) {
      for (const { type, data } of itemsOf(bytes, start)) {
        if (type === ROOT_ITEM) queue.push(keyAt(data + 176, data + 160));
      }
    }
    const name = nameOf(owner);
    const kind = level > 0 ? `${name}, inner nodes` : name;
    if (name && !nodes.get(kind!)?.includes(start)) nodes.set(kind!, [...(nodes.get(kind!) ?? []), start]);
  }
  return nodes;
}

/** Items and pointers with what they hold matter more than what is between them. */
export function regionsOf(bytes: Buffer, start: number): Region[] {
  const count = bytes.readUInt32LE(start + 96);
  const header: Region = [start + 48, 53];
  if (bytes[start + 100] > 0) return [header, [start + 101, Math.max(16, count * 33)]];
  const data = itemsOf(bytes, start)
    .map(({ data: from, length }): Region => [from, Math.max(16, length)])
    .filter(([from, length]) => from + length <= start + NODE);
  return [header, [start + 101, Math.max(16, count * 25)], ...data];
}
