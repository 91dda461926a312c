import { describe, expect, test } from 'vitest';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import { readLayout } from '../../../src-engine/volumes/read-layout.ts';
import { relocateTables } from '../../../src-engine/volumes/relocate-tables.ts';
import { relocated } from './relocated.ts';
import { writeGpt, writeLogicals, writeMbr, type GptPart } from './disks.ts';

const MIB = 1024 * 1024;
const DISK_BYTES = 8 * MIB;

/** Partitions in bytes, in a table that counts in sectors of that size. */
function gptDisk(sectorBytes: number, lengthBytes = DISK_BYTES, entryCount = 128): Buffer {
  const disk = Buffer.alloc(lengthBytes);
  const part = (from: number, to: number, name: string): GptPart => ({
    first: from / sectorBytes,
    last: to / sectorBytes - 1,
    name,
    attributes: 4n,
  });
  writeGpt(disk, [part(MIB, 2 * MIB, 'one'), part(3 * MIB, 7 * MIB, 'größe')], { sectorBytes, entryCount });
  // what the specification asks for in a protective entry
  disk.fill(0xff, 446 + 5, 446 + 8);
  disk.write('data', MIB);
  return disk;
}

const partitionsOf = async (disk: Buffer, sectorBytes: number) => {
  const { partitions, warnings, sectorBytes: found } = await readLayout(memorySource(disk, sectorBytes));
  expect(warnings).toEqual([]);
  expect(found).toBe(sectorBytes);
  return partitions;
};

describe('GPT', () => {
  test.each([
    [512, 4096, DISK_BYTES],
    [4096, 512, DISK_BYTES],
    [512, 4096, 20 * MIB],
    [4096, 512, 20 * MIB + 512],
    [512, 4096, 20 * MIB + 2048],
  ])('from %i to %i, on %i bytes: what a new table there would be', async (from, to, lengthBytes) => {
    const moved = await relocated(gptDisk(from), lengthBytes, from, to);
    const sectors = Math.floor(lengthBytes / to) * to;
    const fresh = gptDisk(to, sectors);
    // sgdisk lets partitions begin later than the table would: the first usable sector stays where it was
    const first = from === 4096 ? 48n : 6n;
    for (const lba of [1, sectors / to - 1]) {
      expect(moved.readBigUInt64LE(lba * to + 40)).toBe(first);
      for (const disk of [moved, fresh])
        disk.fill(0, lba * to + 16, lba * to + 20).fill(0, lba * to + 40, lba * to + 48);
    }
    expect(moved.subarray(0, sectors).equals(fresh)).toBe(true);
  });

  test.each([128, 256, 4])('there and back with %i entries, partitions are the same bytes', async (entryCount) => {
    const disk = gptDisk(512, DISK_BYTES, entryCount);
    const expected = await partitionsOf(disk, 512);
    const there = await relocated(disk, DISK_BYTES, 512, 4096);
    expect(await partitionsOf(there, 4096)).toEqual(expected);
    const back = await relocated(there, DISK_BYTES, 4096, 512);
    expect(await partitionsOf(back, 512)).toEqual(expected);
  });

  test('nothing of the old table is left where the new one does not cover it', async () => {
    const disk = gptDisk(512, DISK_BYTES);
    const there = await relocated(disk, DISK_BYTES, 512, 4096);
    expect(await readLayout(memorySource(there, 512))).toMatchObject({ sectorBytes: 4096 });
    expect(there.indexOf('EFI PART')).toBe(4096);
    expect(there.indexOf('EFI PART', 4097)).toBe(DISK_BYTES - 4096);
  });

  test.each([
    ['a start between two sectors', { first: 2049, last: 4095 }],
    ['an end between two sectors', { first: 2048, last: 4094 }],
    ['no room for the array', { first: 40, last: 4095 }],
  ])('%s is refused', async (_what, part) => {
    const disk = Buffer.alloc(DISK_BYTES);
    writeGpt(disk, [part]);
    await expect(relocateTables(memorySource(disk), DISK_BYTES, 4096)).rejects.toMatchObject({
      code: 'FORMAT_UNSUPPORTED',
      data: { table: 'GPT' },
    });
  });

  test('a hybrid MBR is refused', async () => {
    const disk = gptDisk(512);
    writeMbr(disk, [
      { type: 0xee, start: 1, count: 2047 },
      { type: 0x83, start: 2048, count: 2048 },
    ]);
    await expect(relocateTables(memorySource(disk), DISK_BYTES, 4096)).rejects.toMatchObject({
      code: 'FORMAT_UNSUPPORTED',
    });
  });

  test('the backup of larger sectors needs more room', async () => {
    const requiredBytes = 7 * MIB + 5 * 4096;
    await expect(relocateTables(memorySource(gptDisk(512)), requiredBytes - 1, 4096)).rejects.toMatchObject({
      code: 'TARGET_TOO_SMALL',
      data: { requiredBytes },
    });
    const moved = await relocated(gptDisk(512), requiredBytes, 512, 4096);
    expect(await partitionsOf(moved, 4096)).toHaveLength(2);
  });
});

describe('MBR', () => {
  const disk = () => {
    const bytes = Buffer.alloc(DISK_BYTES);
    writeLogicals(bytes, [
      { record: 4096, start: 4104, count: 800 },
      { record: 6000, start: 6400, count: 1600 },
      { record: 8000, start: 8064, count: 2048 },
    ]);
    return bytes;
  };

  test('there and back, with logical partitions', async () => {
    const expected = await partitionsOf(disk(), 512);
    expect(expected).toHaveLength(4);
    const there = await relocated(disk(), DISK_BYTES, 512, 4096);
    expect(await partitionsOf(there, 4096)).toEqual(expected);
    const back = await relocated(there, DISK_BYTES, 4096, 512);
    expect(await partitionsOf(back, 512)).toEqual(expected);
  });

  test.each([
    ['a record between two sectors', { record: 6001, start: 6401, count: 1600 }],
    ['a start between two sectors', { record: 6000, start: 6401, count: 1600 }],
    ['an end between two sectors', { record: 6000, start: 6400, count: 1601 }],
  ])('%s is refused', async (_what, logical) => {
    const bytes = Buffer.alloc(DISK_BYTES);
    writeLogicals(bytes, [{ record: 4096, start: 4104, count: 800 }, logical]);
    await expect(relocateTables(memorySource(bytes), DISK_BYTES, 4096)).rejects.toMatchObject({
      code: 'FORMAT_UNSUPPORTED',
      data: { table: 'MBR' },
    });
  });

  test('more sectors than the record has room for are refused', async () => {
    const bytes = Buffer.alloc(DISK_BYTES);
    writeMbr(bytes, [{ type: 0x83, start: 256, count: 2 ** 30 }]);
    const source = { ...memorySource(bytes, 4096), lengthBytes: 2 ** 43 };
    await expect(
      relocateTables(
        { ...source, readInto: async (_at, into) => void into.set(bytes.subarray(0, into.length)) },
        2 ** 43,
        512,
      ),
    ).rejects.toMatchObject({
      code: 'FORMAT_UNSUPPORTED',
    });
  });
});
