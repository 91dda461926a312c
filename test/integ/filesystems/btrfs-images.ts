/** btrfs images: made by mkfs.btrfs, filled through the kernel, judged by btrfs-progs. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { openFileSource } from '../../../src-engine/formats/raw/file-source.ts';
import type { FileTree } from '../../../src-engine/filesystems/file-tree.port.ts';
import { recogniseFileSystem } from '../../../src-engine/filesystems/recognise.ts';
import { expectSameTree, fillTree } from '../../support/trees.ts';
import { copyOntoOnes, difference, emptyImage, MIB, NO_DIFFERENCE, readUsed, run, usedUnits } from './images.ts';
import { unmount } from '../../support/unmount.ts';

export const SIZE = 300 * MIB;
export const SECTOR = 4096;

export async function mounted<T>(image: string, options: string, work: (point: string) => T | Promise<T>): Promise<T> {
  const point = mkdtempSync(join(tmpdir(), 'diskpress-btrfs-'));
  run('mount', ['-o', `loop,${options}`, image, point]);
  try {
    return await work(point);
  } finally {
    unmount(point);
    rmSync(point, { recursive: true });
  }
}

export interface Recipe {
  readonly mkfs?: string[];
  readonly mount?: string;
  readonly fill?: (point: string) => void;
  readonly lengthBytes?: number;
}

/** @returns the path of the new image */
export async function make(folder: string, name: string, recipe: Recipe = {}): Promise<string> {
  const { mkfs = [], mount = 'nobarrier', fill = fillSmall, lengthBytes = SIZE } = recipe;
  const image = emptyImage(join(folder, name.replaceAll(/\W+/g, '-')), lengthBytes);
  run('mkfs.btrfs', ['-q', '-L', 'a label', ...mkfs, image]);
  await mounted(image, mount, fill);
  return image;
}

export const fillSmall = (point: string) => void fillTree(point, { smallFiles: 120, largeBytes: 900_000 });

export async function browsed<T>(image: string, work: (tree: FileTree) => Promise<T>): Promise<T> {
  const source = await openFileSource(image);
  try {
    return await work(await (await recogniseFileSystem(source))!.browse!());
  } finally {
    await source.close();
  }
}

export const dumpTree = (image: string, tree: string) =>
  run('btrfs', ['inspect-internal', 'dump-tree', '-t', tree, image]);

/** The sectors that the extent tree names, as btrfs-progs prints it, on the device as the chunk tree says, and the superblocks. */
export function sectorsByProgs(image: string, lengthBytes = SIZE): Set<number> {
  const used = new Set<number>();
  const add = (startBytes: number, length: number) => {
    for (let at = startBytes; at < startBytes + length; at += SECTOR) used.add(at / SECTOR);
  };
  // boot code may stand before the first superblock
  add(0, 64 * 1024);
  for (const place of [64 * 1024, 64 * MIB, 256 * 2 ** 30]) if (place + SECTOR <= lengthBytes) add(place, SECTOR);
  const nodeBytes = Number(/nodesize\s+(\d+)/.exec(run('btrfs', ['inspect-internal', 'dump-super', image]))![1]);
  const chunks = dumpTree(image, 'chunk')
    .split(/CHUNK_ITEM (?=\d+\))/)
    .slice(1)
    .map((text) => ({
      start: parseInt(text, 10),
      length: Number(/length (\d+)/.exec(text)![1]),
      places: Array.from(text.matchAll(/stripe \d+ devid 1 offset (\d+)/g), ([, place]) => Number(place)),
    }));
  for (const [, start, type, offset] of dumpTree(image, 'extent').matchAll(
    /key \((\d+) (METADATA|EXTENT)_ITEM (\d+)\)/g,
  )) {
    const chunk = chunks.findLast((one) => one.start <= Number(start))!;
    const length = type === 'METADATA' ? nodeBytes : Number(offset);
    for (const place of chunk.places) add(place + Number(start) - chunk.start, length);
  }
  return used;
}

/**
 * What is read is what btrfs-progs and the kernel say of the original; a copy that holds the used bytes alone is sound, and shows
 * the same files.
 * @param options for mounts
 */
export async function expectSound(image: string, options = 'ro'): Promise<void> {
  const { fileSystem, extents } = await readUsed(image);
  expect(fileSystem).toMatchObject({ kind: 'btrfs', label: 'a label', captureAs: 'used-blocks', warnings: [] });
  expect(fileSystem.uuid).toBe(/uuid: ([0-9a-f-]+)/.exec(run('btrfs', ['filesystem', 'show', image]))![1]);
  expect(difference(usedUnits(extents, SECTOR), sectorsByProgs(image))).toEqual(NO_DIFFERENCE);
  const copy = copyOntoOnes(image, `${image}.copy`, SIZE, extents);
  run('btrfs', ['check', '--readonly', '--check-data-csum', copy]);
  await browsed(copy, async (tree) => {
    for (const shown of [image, copy]) {
      await mounted(shown, options, async (point) => {
        expect(await expectSameTree(tree, point)).toBeGreaterThan(100);
      });
    }
  });
  rmSync(copy);
}
