import { describe, expect, test } from 'vitest';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import { readLayout } from '../../../src-engine/volumes/read-layout.ts';
import { relocateTables } from '../../../src-engine/volumes/relocate-tables.ts';
import { relocated } from './relocated.ts';
import { writeGpt, writeLogicals, writeMbr } from './disks.ts';

const MIB = 1024 * 1024;
const PARTS = [{ first: 2048, last: 4095, name: 'root' }];

function gptDisk(): Buffer {
  const disk = Buffer.alloc(4 * MIB);
  writeGpt(disk, PARTS);
  disk.write('data', MIB);
  return disk;
}

/** What a disk of that size holds that is made anew: the oracle for one that was moved. */
function freshDisk(lengthBytes: number): Buffer {
  const disk = Buffer.alloc(lengthBytes);
  writeGpt(disk, PARTS);
  disk.write('data', MIB);
  disk.fill(0xff, 446 + 5, 446 + 8);
  return disk;
}

describe('GPT', () => {
  const minimum = 2 * MIB + 33 * 512;

  test.each([minimum, 3 * MIB, 5 * MIB, 4 * MIB + 512, 4 * MIB - 512, 64 * MIB])(
    'moved to %i bytes, it is what a new table there would be',
    async (lengthBytes) => {
      const moved = await relocated(gptDisk(), lengthBytes);
      expect(moved.equals(freshDisk(lengthBytes))).toBe(true);
    },
  );

  test('nothing changes on a disk of the same size', async () => {
    const relocation = await relocateTables(memorySource(gptDisk()), 4 * MIB);
    expect(relocation).toMatchObject({ patches: [], stale: [] });
    expect(relocation.finishing).toEqual([
      { startBytes: 0, lengthBytes: 34 * 512 },
      { startBytes: 4 * MIB - 33 * 512, lengthBytes: 33 * 512 },
    ]);
  });

  test('one byte less than the smallest disk is refused, with both sizes', async () => {
    await expect(relocateTables(memorySource(gptDisk()), minimum - 1)).rejects.toMatchObject({
      code: 'TARGET_TOO_SMALL',
      data: { requiredBytes: minimum, targetBytes: minimum - 1 },
    });
  });

  test('a length that is no multiple of the sector leaves the rest alone', async () => {
    const moved = await relocated(gptDisk(), 5 * MIB + 100);
    expect(moved.subarray(0, 5 * MIB).equals(freshDisk(5 * MIB))).toBe(true);
  });

  test.each([
    ['primary header', 512],
    ['primary array', 1024],
    ['backup header', 4 * MIB - 512],
    ['backup array', 4 * MIB - 33 * 512],
  ])('a damaged copy is written anew, on a disk of the same size too: %s', async (_what, at) => {
    for (const lengthBytes of [4 * MIB, 6 * MIB]) {
      const disk = gptDisk();
      disk[at] ^= 0xff;
      const moved = await relocated(disk, lengthBytes);
      const layout = await readLayout(memorySource(moved));
      expect(layout.warnings).toEqual([]);
      expect(layout.partitions).toHaveLength(1);
    }
  });

  test('an array of few entries, in 4096-byte sectors', async () => {
    const disk = Buffer.alloc(4 * MIB);
    writeGpt(disk, [{ first: 256, last: 511 }], { sectorBytes: 4096, entryCount: 4 });
    const moved = await relocated(disk, 6 * MIB, 4096);
    const layout = await readLayout(memorySource(moved, 4096));
    expect(layout.warnings).toEqual([]);
    expect(layout.metadata.at(-1)).toEqual({ startBytes: 6 * MIB - 2 * 4096, lengthBytes: 2 * 4096 });
  });

  test('the entries of a hybrid MBR stay', async () => {
    const disk = gptDisk();
    writeMbr(disk, [
      { type: 0xee, start: 1, count: 2047 },
      { type: 0x83, start: 2048, count: 2048 },
    ]);
    const moved = await relocated(disk, 5 * MIB);
    expect(moved.subarray(0, 512).equals(disk.subarray(0, 512))).toBe(true);
  });

  test('the finishing extents hold every table, old or new', async () => {
    const { finishing } = await relocateTables(memorySource(gptDisk()), 6 * MIB);
    const target = await relocated(gptDisk(), 6 * MIB);
    for (const { startBytes, lengthBytes } of finishing) target.fill(0, startBytes, startBytes + lengthBytes);
    expect(target.includes('EFI PART')).toBe(false);
    expect(await readLayout(memorySource(target))).toMatchObject({ table: 'none' });
  });
});

describe('what does not depend on the size of its disk', () => {
  test('an MBR: nothing moves, the first sector comes last', async () => {
    const disk = Buffer.alloc(8 * MIB);
    writeLogicals(disk, [{ record: 4096, start: 4200, count: 800 }]);
    expect(await relocateTables(memorySource(disk), 9 * MIB)).toEqual({
      patches: [],
      stale: [],
      finishing: [{ startBytes: 0, lengthBytes: 512 }],
    });
    await expect(relocateTables(memorySource(disk), 8 * MIB - 1)).rejects.toMatchObject({ code: 'TARGET_TOO_SMALL' });
  });

  test.each([
    [MIB, 128 * 1024],
    [4096, 4096],
  ])('%i bytes without a table: their head comes last', async (lengthBytes, headBytes) => {
    expect(await relocateTables(memorySource(Buffer.alloc(lengthBytes, 1)), MIB)).toEqual({
      patches: [],
      stale: [],
      finishing: [{ startBytes: 0, lengthBytes: headBytes }],
    });
  });
});
