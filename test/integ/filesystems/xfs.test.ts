/** XFS of version 5, filled by the kernel: against xfs_db, partclone, xfs_repair and the kernel's own mount. */
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { proves } from '../../support/matrix.ts';
import { expectSameTree } from '../../support/trees.ts';
import { canLoop } from '../../support/workbench.ts';
import {
  copyOntoOnes,
  difference,
  MIB,
  NO_DIFFERENCE,
  partcloneUnits,
  readUsed,
  run,
  scratchFolder,
  usedUnits,
} from './images.ts';
import { browsed, fillXfs, makeXfs, mounted, xfsDbUsed } from './xfs-images.ts';

const folder = scratchFolder();

interface Variant {
  readonly feature: string;
  readonly args: string[];
  readonly lengthBytes?: number;
  readonly hasReflink?: boolean;
  readonly manyNames?: number;
}

const MATRIX: Variant[] = [
  { feature: 'as mkfs.xfs makes it', args: [], hasReflink: true },
  { feature: 'blocks of 1 KiB, many groups', args: ['-b', 'size=1024', '-d', 'agsize=17m'], hasReflink: true },
  { feature: 'blocks of 64 KiB', args: ['-b', 'size=65536'], lengthBytes: 768 * MIB, hasReflink: true },
  { feature: 'folder blocks of 64 KiB', args: ['-n', 'size=65536'], lengthBytes: 256 * MIB },
  { feature: 'sectors of 4 KiB', args: ['-s', 'size=4096', '-m', 'reflink=0'] },
  { feature: 'reverse-map trees', args: ['-m', 'rmapbt=1'], hasReflink: true },
  {
    feature: 'times after 2038, large extent counters',
    args: ['-m', 'bigtime=1', '-i', 'nrext64=1,sparse=1'],
    hasReflink: true,
  },
  {
    feature: 'without what came after 2014',
    args: ['-m', 'bigtime=0,finobt=0,reflink=0,inobtcount=0', '-i', 'nrext64=0,sparse=0'],
  },
  { feature: 'inodes of 2 KiB, one group', args: ['-i', 'size=2048', '-d', 'agcount=1'], hasReflink: true },
  { feature: 'a log with stripes', args: ['-l', 'su=256k,size=16m', '-d', 'su=64k,sw=4'] },
];

describe.skipIf(!canLoop)('filled by the kernel: used blocks, files, a copy of the used blocks alone', () => {
  test.each(MATRIX)('$feature', async ({ feature, args, lengthBytes = 192 * MIB, hasReflink, manyNames }) => {
    const image = makeXfs(join(folder, 'image'), lengthBytes, ['-L', 'Träger 1', ...args]);
    await mounted(folder, image, 'loop', (root) => fillXfs(root, { hasReflink, manyNames }));
    const { fileSystem, extents } = await readUsed(image);
    expect(fileSystem).toMatchObject({
      kind: 'xfs',
      captureAs: 'used-blocks',
      warnings: [],
      label: 'Träger 1',
      uuid: run('blkid', ['-p', '-o', 'value', '-s', 'UUID', image]).trim(),
      lengthBytes: run('xfs_db', ['-r', '-c', 'sb 0', '-c', 'p dblocks', image]) && expect.any(Number),
    });
    const told = xfsDbUsed(image);
    expect(fileSystem.blockBytes).toBe(told.blockBytes);
    expect(difference(usedUnits(extents, told.blockBytes), told.used)).toEqual(NO_DIFFERENCE);
    const copy = copyOntoOnes(image, join(folder, 'copy'), statSync(image).size, extents);
    run('xfs_repair', ['-n', copy]);
    const count = await mounted(folder, copy, 'loop,ro,norecovery', (root) =>
      browsed(image, (tree) => expectSameTree(tree, root)),
    );
    expect(count).toBeGreaterThan(3000);
    rmSync(copy);
  });
});
