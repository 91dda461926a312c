/** The files of FAT12, FAT16 and FAT32, against mtools. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { noise } from '../../support/disks.ts';
import { proves } from '../../support/matrix.ts';
import { expectSameTree, fillTree } from '../../support/trees.ts';
import { MIB, workbench } from '../../support/workbench.ts';
import { browsing, entriesOf, extentsOf, nodeAt, readAt } from './browse.ts';

const bench = workbench();
const tree = bench.path('tree');
beforeAll(() => {
  mkdirSync(tree);
  fillTree(tree, { isPosix: false, hasHoles: false, smallFiles: 150, largeBytes: 600_000 });
  // mtools 4.0.32 cuts off what is above 16 bits, and tells the case of short names beyond ASCII wrong
  renameSync(join(tree, 'names', '😀 emoji'), join(tree, 'names', '\u2603 no emoji'));
  renameSync(join(tree, 'names', 'héhé'), join(tree, 'names', 'héhé, and longer'));
});

/** Names in UTF-8 and times in UTC, as nothing else would tell them. */
const env = {
  ...process.env,
  PATH: `${process.env.PATH}:/usr/sbin:/sbin`,
  LC_ALL: 'C.UTF-8',
  TZ: 'UTC',
  MTOOLS_SKIP_CHECK: '1',
};
const run = (tool: string, ...args: string[]) =>
  execFileSync(tool, args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

const MATRIX = [
  { feature: 'FAT12', lengthBytes: 8 * MIB, args: ['-F', '12', '-s', '8'] },
  { feature: 'FAT12, sectors of 4 KiB', lengthBytes: 12 * MIB, args: ['-F', '12', '-S', '4096'] },
  { feature: 'FAT16', lengthBytes: 16 * MIB, args: ['-F', '16', '-s', '1'] },
  { feature: 'FAT16, large clusters, one FAT', lengthBytes: 256 * MIB, args: ['-F', '16', '-s', '64', '-f', '1'] },
  { feature: 'FAT32', lengthBytes: 40 * MIB, args: ['-F', '32', '-s', '1'] },
  { feature: 'FAT32, sectors of 4 KiB', lengthBytes: 300 * MIB, args: ['-F', '32', '-S', '4096', '-s', '1'] },
];

/** Fills the volume, deletes and writes again, so that a file lies scattered. */
function made(args: string[], lengthBytes: number): string {
  const image = bench.file('fat.img', lengthBytes);
  run('mkfs.vfat', '-n', 'LABEL', ...args, image);
  run('mcopy', '-s', '-m', '-i', image, ...topNames(), '::');
  run('mdel', '-i', image, ...[1, 4, 7, 10, 13, 16].map((i) => `::many/small file ${i}.txt`));
  // what follows begins in the gaps
  const bytes = readFileSync(image);
  if (bytes.readUInt16LE(22) === 0) bytes.writeUInt32LE(2, bytes.readUInt16LE(48) * bytes.readUInt16LE(11) + 492);
  writeFileSync(image, bytes);
  writeFileSync(bench.path('scattered'), noise('scattered', 300_000));
  run('mcopy', '-i', image, bench.path('scattered'), '::');
  return image;
}

const topNames = () =>
  run('ls', '-A', tree)
    .trim()
    .split('\n')
    .map((name) => join(tree, name));

describe('files are those that mtools extracts', () => {
  test.for(MATRIX)('$feature', async ({ feature, args, lengthBytes }, context) => {
    const image = made(args, lengthBytes);
    const extracted = bench.path('extracted');
    rmSync(extracted, { recursive: true, force: true });
    mkdirSync(extracted);
    run('mcopy', '-s', '-m', '-n', '-i', image, '::*', extracted);
    await browsing(image, async (found) => {
      const count = await expectSameTree(found, extracted, { isPosix: false, timeToleranceMs: 2000 });
      expect(count).toBeGreaterThan(130);
      const places = await extentsOf(found, await nodeAt(found, 'scattered'));
      if (args.includes('1')) expect(places.length).toBeGreaterThan(3);
      const bytes = readFileSync(image);
      const joined = Buffer.concat(places.map((p) => bytes.subarray(p.startBytes, p.startBytes + p.lengthBytes)));
      expect(joined.subarray(0, 300_000).equals(noise('scattered', 300_000))).toBe(true);
    });
    proves(context, { subject: 'FAT', feature, aspect: 'files', judge: 'mtools' });
  });
});

test('thousands of names in one folder', async (context) => {
  const image = bench.file('many.img', 64 * MIB);
  run('mkfs.vfat', '-F', '32', '-s', '1', image);
  const folder = bench.path('thousands');
  mkdirSync(folder);
  const names = Array.from({ length: 2000 }, (_, i) => `${i} is the number of this file`);
  for (const name of names) writeFileSync(join(folder, name), name);
  run('mcopy', '-s', '-i', image, folder, '::');
  await browsing(image, async (found) => {
    const entries = await entriesOf(found, await nodeAt(found, 'thousands'));
    expect(entries.map(({ name }) => name).sort()).toEqual(names.sort());
    expect((await readAt(found, `THOUSANDS/${names[1500].toUpperCase()}`)).toString()).toBe(names[1500]);
    expect(await found.find(await nodeAt(found, 'thousands'), '42ISTH~1')).not.toBeNull();
  });
  proves(context, { subject: 'FAT', feature: 'long names', aspect: 'files', judge: 'mtools' });
});

test('FAT32 with fewer clusters than it should have', async () => {
  const image = bench.file('few.img', 32 * MIB);
  run('mkfs.vfat', '-F', '32', '-s', '8', image);
  await browsing(image, async (found) => expect(await entriesOf(found, found.root)).toEqual([]));
});
