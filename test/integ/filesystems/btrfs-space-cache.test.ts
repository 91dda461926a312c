/**
 * The space cache of version 1 is written now and then and may say anything: whether it is sound, stale, damaged or gone, what is used is what
 * the tree of extents says. The judges are btrfs check and the kernel, on a copy that has the used bytes alone.
 */
import { closeSync, openSync, readSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Extent } from '../../../src-engine/disk/block-source.port.ts';
import { expectSameTree } from '../../support/trees.ts';
import { canLoop } from '../../support/workbench.ts';
import { browsed, dumpTree, make, mounted, sectorsByProgs, SECTOR } from './btrfs-images.ts';
import {
  difference,
  emptyImage,
  MIB,
  NO_DIFFERENCE,
  noise,
  readUsed,
  run,
  scratchFolder,
  usedUnits,
} from './images.ts';

const folder = scratchFolder();
/** Chunks are a tenth of it: the kernel keeps no cache of those below 100 MB. */
const SIZE = 1200 * MIB;

/** Files of the root tree without a name: where the cache of each chunk lies, on the device. */
function cachesOf(image: string): { startBytes: number; lengthBytes: number }[] {
  return [...dumpTree(image, 'root').matchAll(/extent data disk byte ([1-9]\d*) nr (\d+)/g)].map(
    ([, logical, length]) => {
      const mapped = run('btrfs-map-logical', ['-l', logical, image]);
      return { startBytes: Number(/physical (\d+)/.exec(mapped)![1]), lengthBytes: Number(length) };
    },
  );
}

/** The used bytes alone. What is left out is zeros, whose checksums are wrong. */
function copyOf(image: string, extents: readonly Extent[]): string {
  const copy = emptyImage(join(folder, 'copy'), SIZE);
  const [from, to] = [openSync(image, 'r'), openSync(copy, 'r+')];
  for (const { startBytes, lengthBytes } of extents) {
    for (let done = 0; done < lengthBytes; done += MIB) {
      const bytes = Buffer.alloc(Math.min(MIB, lengthBytes - done));
      readSync(from, bytes, 0, bytes.length, startBytes + done);
      writeSync(to, bytes, 0, bytes.length, startBytes + done);
    }
  }
  [from, to].forEach((file) => closeSync(file));
  return copy;
}

function overwritten(from: string, to: string, how: (bytes: Buffer, i: number) => Buffer): string {
  run('cp', ['--sparse=always', from, to]);
  const file = openSync(to, 'r+');
  cachesOf(from).forEach(({ startBytes, lengthBytes }, i) => {
    const bytes = Buffer.alloc(lengthBytes);
    readSync(file, bytes, 0, lengthBytes, startBytes);
    writeSync(file, how(bytes, i), 0, lengthBytes, startBytes);
  });
  closeSync(file);
  return to;
}

describe.skipIf(!canLoop)('a cache', () => {
  let sound: string;
  let earlier: Buffer[];
  beforeAll(async () => {
    const fill = (point: string) => {
      for (let i = 0; i < 40; i++) writeFileSync(join(point, `file ${i}`), noise(`file ${i}`, 500_000));
    };
    sound = await make(folder, 'cache', {
      mkfs: ['-R', '^free-space-tree'],
      mount: 'space_cache=v1,nobarrier',
      fill,
      lengthBytes: SIZE,
    });
    earlier = [];
    overwritten(sound, join(folder, 'earlier'), (bytes) => {
      earlier.push(Buffer.from(bytes));
      return bytes;
    });
    // what it called free is used now, and the other way round
    await mounted(sound, 'space_cache=v1,nobarrier', (point) => {
      for (let i = 0; i < 40; i += 2) rmSync(join(point, `file ${i}`));
      run('sync', ['-f', point]);
      for (let i = 0; i < 20; i++) writeFileSync(join(point, `later ${i}`), noise(`later ${i}`, 300_000));
    });
    expect(dumpTree(sound, 'root')).not.toContain('FREE_SPACE_TREE');
    expect(cachesOf(sound).length).toBeGreaterThan(0);
    expect(earlier.length).toBeGreaterThan(0);
  });

  const STATES: [name: string, make: () => string][] = [
    ['as the kernel left it', () => sound],
    ['of an earlier moment', () => overwritten(sound, join(folder, 'stale'), (bytes, i) => earlier[i] ?? bytes)],
    [
      'whose entries were overwritten',
      () => overwritten(sound, join(folder, 'noise'), ({ length }) => noise('x', length)),
    ],
    ['that is zeros', () => overwritten(sound, join(folder, 'zeros'), ({ length }) => Buffer.alloc(length))],
  ];

  test.each(STATES)('%s: all that is used is taken', async (_, makeImage) => {
    const image = makeImage();
    const { extents } = await readUsed(image);
    expect(difference(usedUnits(extents, SECTOR), sectorsByProgs(image, SIZE))).toEqual(NO_DIFFERENCE);
    const copy = copyOf(image, extents);
    run('btrfs', ['check', '--readonly', copy]);
    await mounted(copy, 'ro', (theirs) => browsed(image, (tree) => expectSameTree(tree, theirs)));
    // a kernel that writes goes by the cache, or makes it anew: nothing that is used is overwritten
    await mounted(copy, 'space_cache=v1,nobarrier', (point) => {
      for (let i = 0; i < 10; i++) writeFileSync(join(point, `after ${i}`), noise(`after ${i}`, MIB / 2));
    });
    run('btrfs', ['check', '--readonly', '--check-data-csum', copy]);
  });
});
