/** Tables rewritten for other places of their partitions, judged by sfdisk and sgdisk. */
import { closeSync, openSync, readFileSync, truncateSync, writeSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import { placedTables, roomEnd } from '../../../src-engine/volumes/fit/placed-tables.ts';
import { fitVolumes, type VolumeSize } from '../../../src-engine/volumes/fit/fit-volumes.ts';
import { readTables } from '../../../src-engine/volumes/read-layout.ts';
import { relocateTables } from '../../../src-engine/volumes/relocate-tables.ts';
import { canLoop, MIB, run, runWithInput, workbench } from '../../support/workbench.ts';

const bench = workbench();

interface Entry {
  node: string;
  start: number;
  size: number;
  [more: string]: unknown;
}
interface Table {
  partitions: Entry[];
  [more: string]: unknown;
}

/** Lets a program work on a disk that counts in such sectors. */
function onDisk<T>(image: string, sectorBytes: number, work: (disk: string) => T): T {
  if (sectorBytes === 512) return work(image);
  const device = bench.attach(image, '-b', String(sectorBytes));
  try {
    return work(device);
  } finally {
    bench.detach(device);
  }
}

/** What does not depend on where partitions are, and where they are in bytes. */
function told(disk: string, sectorBytes: number) {
  const { partitiontable } = JSON.parse(run('sfdisk', '-J', disk)) as { partitiontable: Table };
  const { partitions, ...table } = partitiontable;
  const { device: _, firstlba: _first, lastlba: _last, sectorsize: _size, ...rest } = table;
  return {
    ...rest,
    partitions: partitions.map(({ node, start, size, ...entry }) => ({
      ...entry,
      node: node.slice(disk.length).replace('p', ''),
      start: start * sectorBytes,
      size: size * sectorBytes,
    })),
  };
}

/**
 * Makes a disk of a script, gives its volumes other places, and compares what sfdisk sees with what a fit says.
 * @param script of sfdisk @param choices by number
 */
async function refitted(
  name: string,
  script: string,
  choices: Record<string, VolumeSize>,
  [fromBytes, toBytes]: [number, number],
  [fromSector, toSector] = [512, 512],
) {
  const image = bench.file(`${name}.img`, fromBytes);
  const before = onDisk(image, fromSector, (disk) => {
    runWithInput(script, 'sfdisk', '-q', disk);
    return told(disk, fromSector);
  });
  const bytes = readFileSync(image);
  const source = memorySource(bytes, fromSector);
  const tables = await readTables(source);
  const { layout, gpt } = tables;
  const volumes = layout.partitions.map((partition) => ({
    ...partition,
    ref: String(partition.number),
    canGrow: true,
    canShrink: true,
    isElastic: true,
    isFixed: false,
    minimumBytes: MIB,
    maximumBytes: Number.MAX_SAFE_INTEGER,
  }));
  const room = {
    endBytes: roomEnd(tables, toBytes, toSector),
    oldEndBytes: roomEnd(tables, fromBytes, toSector),
    sectorBytes: toSector,
  };
  const fit = fitVolumes(volumes, new Map(Object.entries(choices)), room);
  if (!fit.isPossible) throw new Error(JSON.stringify(fit.problem));
  const { patches, stale } = await relocateTables(source, toBytes, toSector, placedTables(tables, fit.places));

  const target = bench.file(`${name}.new.img`, Math.max(fromBytes, toBytes));
  const file = openSync(target, 'r+');
  for (const { startBytes, lengthBytes } of layout.metadata)
    writeSync(file, bytes, startBytes, lengthBytes, startBytes);
  for (const { startBytes, lengthBytes } of stale)
    writeSync(file, Buffer.alloc(lengthBytes), 0, lengthBytes, startBytes);
  for (const { offsetBytes, bytes } of patches) writeSync(file, bytes, 0, bytes.length, offsetBytes);
  closeSync(file);
  truncateSync(target, toBytes);

  const { after, verified } = onDisk(target, toSector, (disk) => ({
    after: told(disk, toSector),
    verified: run('sfdisk', '--verify', disk),
  }));
  const isContainer = (entry: object) => 'type' in entry && ['5', 'f', '85'].includes(String(entry.type));
  const place = (number: number) => fit.places[layout.partitions.findIndex((partition) => partition.number === number)];
  const expected = {
    ...before,
    partitions: before.partitions.map((entry) => {
      if (isContainer(entry))
        return { ...entry, start: expect.any(Number) as number, size: expect.any(Number) as number };
      const { startBytes, lengthBytes } = place(Number(entry.node));
      return { ...entry, start: startBytes, size: lengthBytes };
    }),
  };
  expect(after).toEqual(expected);
  expect(verified).toContain('No errors detected');
  if (gpt && toSector === 512) expect(run('sgdisk', '-v', target)).toContain('No problems found');
  return { before, after };
}

const GPT = `label: gpt
label-id: 11111111-2222-3333-4444-555555555555
1 : start=1MiB, size=10MiB, type=uefi, uuid=AAAAAAAA-0000-0000-0000-000000000001, name="EFI System", attrs="RequiredPartition"
2 : start=11MiB, size=30MiB, type=linux, name="röot", attrs="GUID:63"
3 : start=41MiB, size=8MiB, type=swap
`;
/** Numbers that are not in the order of the disk. */
const UNORDERED = `label: gpt
4 : start=1MiB, size=10MiB, type=uefi
1 : start=31MiB, size=20MiB, type=linux, name=late
2 : start=11MiB, size=20MiB, type=linux, name=early
`;
const MBR = `label: dos
label-id: 0xdeadbeef
1 : start=2048, size=20480, type=83, bootable
2 : start=22528, size=61440, type=5
5 : start=24576, size=16384, type=83
6 : start=43008, size=16384, type=82
7 : start=61440, size=20480, type=83
3 : start=83968, size=14336, type=27
`;
/** As DOS and Windows XP made them. */
const CYLINDERS = `label: dos
label-id: 0x12345678
1 : start=63, size=40257, type=7, bootable
2 : start=40320, size=40320, type=f
5 : start=40383, size=20097, type=b
6 : start=60543, size=20097, type=83
`;
/** The second logical partition lies in front of the first. */
const CHAIN_BACKWARDS = `label: dos
1 : start=2048, size=2048, type=83
2 : start=4096, size=81920, type=5
5 : start=53248, size=16384, type=83
6 : start=8192, size=16384, type=82
`;
const SIZES: [number, number] = [64 * MIB, 96 * MIB];

describe('a GPT', () => {
  test.each<[string, string, Record<string, VolumeSize>, [number, number]]>([
    ['the last one grows by itself', GPT, {}, SIZES],
    ['one in the middle grows', GPT, { 2: 'grow' }, SIZES],
    ['two grow', GPT, { 1: 'grow', 2: 'grow' }, SIZES],
    ['one gets an odd length', GPT, { 1: 12 * MIB + 4096 }, [64 * MIB, 70 * MIB + 1536]],
    ['a smaller disk', GPT, {}, [64 * MIB, 40 * MIB]],
    ['numbers out of order', UNORDERED, { 2: 'grow' }, SIZES],
    ['numbers out of order, smaller', UNORDERED, {}, [64 * MIB, 40 * MIB]],
  ])('%s', async (name, script, choices, sizes) => {
    await refitted(name, script, choices, sizes);
  });

  test.skipIf(!canLoop)('in other sectors', async () => {
    await refitted('to-4096', GPT, { 2: 'grow' }, SIZES, [512, 4096]);
    await refitted('to-512', GPT, { 2: 'grow' }, SIZES, [4096, 512]);
  });
});

describe('an MBR', () => {
  test.each<[string, string, Record<string, VolumeSize>, [number, number]]>([
    ['a primary one in front of the chain grows', MBR, { 1: 'grow' }, SIZES],
    ['the first logical one grows', MBR, { 5: 'grow' }, SIZES],
    ['the last logical one grows', MBR, { 7: 'grow' }, SIZES],
    ['all kinds at once', MBR, { 1: 20 * MIB, 5: 'shrink', 6: 12 * MIB + 4096, 7: 'grow' }, SIZES],
    ['a smaller disk', MBR, {}, [64 * MIB, 40 * MIB]],
    ['aligned to cylinders', CYLINDERS, { 5: 'grow' }, SIZES],
    ['aligned to cylinders, the first grows', CYLINDERS, { 1: 30 * MIB }, SIZES],
    ['aligned to cylinders, smaller', CYLINDERS, {}, [64 * MIB, 35 * MIB]],
    ['a chain that goes backwards', CHAIN_BACKWARDS, { 6: 'grow' }, SIZES],
    ['a chain that goes backwards, behind what grows', CHAIN_BACKWARDS, { 1: 'grow' }, SIZES],
  ])('%s', async (name, script, choices, sizes) => {
    await refitted(`mbr ${name}`, script, choices, sizes);
  });

  test.skipIf(!canLoop)('in other sectors', async () => {
    await refitted('mbr-to-4096', MBR, { 5: 'grow' }, SIZES, [512, 4096]);
  });

  test('of which nothing changes stays what it is, byte by byte', async () => {
    const image = bench.file('still.img', 64 * MIB);
    runWithInput(MBR, 'sfdisk', '-q', image);
    const source = memorySource(readFileSync(image));
    const tables = await readTables(source);
    const placed = placedTables(tables, tables.layout.partitions);
    expect(placed).toBe(tables);
    expect((await relocateTables(source, 96 * MIB, 512, placed)).patches).toEqual([]);
  });
});
