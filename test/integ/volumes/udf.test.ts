/** UDF, with blocks of all sizes, on a whole disk, in a partition, and as a bridge beside ISO 9660: blkid names it, and no byte of it is lost. */
import { closeSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeTree, noise, place } from '../../support/disks.ts';
import { openEngine, resultOf, type TestEngine } from '../../support/engine.ts';
import { MIB, run, workbench } from '../../support/workbench.ts';

const bench = workbench();
let engine: TestEngine;
beforeAll(async () => void (engine = await openEngine(bench.path('catalog'))));
afterAll(() => engine.close());

const LENGTH_BYTES = 16 * MIB;

/** @returns an image of 16 MiB, or shorter, with a file system on it */
function udf(name: string, ...options: string[]): string {
  const path = bench.file(name, LENGTH_BYTES);
  run('mkudffs', '--utf8', `--label=Média ${name}`.slice(0, 38), ...options, path);
  return path;
}

function write(path: string, offsetBytes: number, bytes: Uint8Array): void {
  const file = openSync(path, 'r+');
  writeSync(file, bytes, 0, bytes.length, offsetBytes);
  closeSync(file);
}

const inPartition = (kind: 'dos' | 'gpt') => (volume: string) => {
  const disk = bench.file('partitioned.img', LENGTH_BYTES + 2 * MIB);
  run('sh', '-c', `echo 'start=1MiB, size=16MiB' | sfdisk -q -X ${kind} ${disk}`);
  place(volume, disk, MIB);
  return disk;
};

function bridge(): string {
  const image = bench.path('bridge.iso');
  run('genisoimage', '-quiet', '-udf', '-J', '-V', 'BRIDGE', '-o', image, makeTree(bench, 'tree', MIB));
  return image;
}

/** The image on a stick, with a partition behind it and data behind that. */
function stickOf(image: string): string {
  const stick = bench.file('stick.img', 24 * MIB);
  place(image, stick, 0);
  const behind = Math.ceil(statSync(image).size / MIB) * MIB;
  run('sh', '-c', `echo 'start=${behind / 512}, size=8192, type=83' | sfdisk -q -X dos ${stick}`);
  write(stick, behind, noise('in the partition', 4 * MIB));
  write(stick, 20 * MIB, noise('behind it', MIB));
  return stick;
}

const DISKS: [name: string, make: () => string][] = [
  ...[512, 1024, 2048, 4096].map((bytes): [string, () => string] => [
    `a disk of blocks of ${bytes} bytes`,
    () => udf(`b${bytes}`, '-m', 'hd', '-b', String(bytes)),
  ]),
  ['a disk with an MBR that speaks of all of it', () => udf('mbr', '-m', 'hd', '-b', '512', '--bootarea=mbr')],
  ['a medium of 2048 bytes that is written once', () => udf('worm', '-m', 'dvdr', '-b', '2048')],
  ['a medium that is rewritten in packets', () => udf('cdrw', '-m', 'cdrw', '-b', '2048')],
  [
    'a file system that is shorter than its disk',
    () => {
      const path = bench.file('short', LENGTH_BYTES);
      run('mkudffs', '--utf8', '-m', 'hd', '-b', '2048', '--label=Short', path, String((8 * MIB) / 2048));
      write(path, 12 * MIB, noise('behind', MIB));
      return path;
    },
  ],
  ['a bridge', bridge],
  ['a bridge on a stick with a partition behind it', () => stickOf(bridge())],
  ['a disk on a stick whose table is of later days', () => stickOf(udf('once', '-m', 'hd', '-b', '2048'))],
];

const PARTITIONS: [name: string, make: () => string][] = [
  ['MBR', () => inPartition('dos')(udf('p512', '-m', 'hd', '-b', '512'))],
  ['GPT', () => inPartition('gpt')(udf('p4096', '-m', 'hd', '-b', '4096'))],
];

/** What blkid says of an image. */
const byBlkid = (path: string, field: string, offsetBytes = 0) =>
  run('blkid', '-p', '-O', String(offsetBytes), '-o', 'value', '-s', field, path).trimEnd();

async function expectWhole(disk: string, offsetBytes: number): Promise<void> {
  expect(byBlkid(disk, 'TYPE', offsetBytes)).toBe('udf');
  resultOf(await engine.capture(disk, 'udf', { outside: 'take' }));
  const { versions } = await engine.client.call('template.show', { template: 'udf' });
  const { layout } = versions[0].disks[0];
  expect(layout.table === 'none').toBe(offsetBytes === 0);
  expect(layout.volumes[0]).toMatchObject({
    recognised: 'udf',
    recognisedLabel: byBlkid(disk, 'LABEL', offsetBytes),
    recognisedUuid: byBlkid(disk, 'UUID', offsetBytes),
    captureAs: 'whole',
    fileSystem: null,
  });
  const target = bench.path('target.img');
  rmSync(target, { force: true });
  resultOf(await engine.deploy('udf', target));
  run('cmp', disk, target);
}

test.each(DISKS)('%s', (_, make) => expectWhole(make(), 0));
test.each(PARTITIONS)('a partition of a %s', (_, make) => expectWhole(make(), MIB));
