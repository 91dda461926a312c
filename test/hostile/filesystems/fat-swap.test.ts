/** Hostile FAT volumes and swap areas: mutated boot sectors, FATs and headers, and named lies. */
import { beforeAll, describe, expect, test } from 'vitest';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import { recogniseFileSystem } from '../../../src-engine/filesystems/recognise.ts';
import {
  claimedVolume,
  madeBy,
  mutate,
  MUTATIONS,
  randomBelow,
  readHostile,
  restoring,
  type Region,
} from './harmless.ts';

const MIB = 1024 * 1024;
/** Seeds for each of three regions, read twice. */
const SEEDS = Math.ceil(MUTATIONS / 6);
const PETABYTES = 8 * 1024 ** 5;

const BASES: Record<string, { tool: string; args: string[]; lengthBytes: number; outcome: string }> = {
  FAT12: { tool: 'mkfs.vfat', args: ['-F', '12'], lengthBytes: 2 * MIB, outcome: 'used-blocks' },
  FAT16: { tool: 'mkfs.vfat', args: ['-F', '16', '-s', '1'], lengthBytes: 6 * MIB, outcome: 'used-blocks' },
  FAT32: { tool: 'mkfs.vfat', args: ['-F', '32', '-s', '1'], lengthBytes: 6 * MIB, outcome: 'used-blocks' },
  swap: { tool: 'mkswap', args: [], lengthBytes: MIB, outcome: 'header-only' },
};

describe.each(Object.entries(BASES))('%s', (_, { tool, args, lengthBytes, outcome }) => {
  let base: Buffer;
  beforeAll(() => {
    base = madeBy(tool, args, lengthBytes);
  });

  test('is read as it is', async () => {
    expect(await readHostile(memorySource(base))).toBe(outcome);
  });

  test.each([
    ['what is in front', [[0, 512]]],
    ['what is behind it', [[512, 64 * 1024]]],
    [
      'both',
      [
        [0, 96],
        [1024, 32 * 1024],
      ],
    ],
  ] as [string, Region[]][])('mutated: %s', async (_region, regions) => {
    const before = process.memoryUsage().rss;
    for (let seed = 0; seed < SEEDS; seed++) {
      await restoring(base, regions, async () => {
        mutate(base, regions, seed);
        await readHostile(memorySource(base));
        await readHostile(claimedVolume(base.subarray(0, 128 * 1024), lengthBytes * 8));
      });
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * MIB);
  });

  test('cut off anywhere', async () => {
    for (let length = 0; length < 8192; length += 509) {
      expect(await readHostile(memorySource(base.subarray(0, length)))).not.toBe('used-blocks');
    }
  });
});

describe('named lies of FAT', () => {
  let base: Buffer;
  beforeAll(() => {
    base = madeBy('mkfs.vfat', ['-F', '32', '-s', '1'], 40 * MIB);
  });

  test.each<[string, (sector: Buffer) => void, string]>([
    ['sectors of 0 bytes', (b) => void b.writeUInt16LE(0, 11), 'null'],
    ['sectors of 513 bytes', (b) => void b.writeUInt16LE(513, 11), 'null'],
    ['clusters of no sectors', (b) => void b.writeUInt8(0, 13), 'null'],
    ['clusters of 3 sectors', (b) => void b.writeUInt8(3, 13), 'null'],
    ['no reserved sectors', (b) => void b.writeUInt16LE(0, 14), 'null'],
    ['no FATs', (b) => void b.writeUInt8(0, 16), 'null'],
    ['255 FATs', (b) => void b.writeUInt8(255, 16), 'null'],
    ['a medium that is none', (b) => void b.writeUInt8(0x12, 21), 'null'],
    ['no end mark', (b) => void b.writeUInt16LE(0, 510), 'null'],
    ['a FAT of 2^32 sectors', (b) => void b.writeUInt32LE(0xffffffff, 36), 'FORMAT_INVALID'],
    ['no FAT sectors at all', (b) => void b.writeUInt32LE(0, 36), 'FORMAT_INVALID'],
    ['a FAT too short for its clusters', (b) => void b.writeUInt32LE(8, 36), 'FORMAT_INVALID'],
    ['no sectors', (b) => void b.writeUInt32LE(0, 32), 'FORMAT_INVALID'],
    ['fewer sectors than the FATs take', (b) => void b.writeUInt32LE(100, 32), 'FORMAT_INVALID'],
    [
      'clusters past what 28 bits count',
      (b) => void (b.writeUInt32LE(0xffffffff, 32), b.writeUInt32LE(0x10000000, 36)),
      'FORMAT_INVALID',
    ],
    ['a root directory behind the end', (b) => void b.writeUInt32LE(0x0ffffff0, 44), 'FORMAT_INVALID'],
    ['a version from the future', (b) => void b.writeUInt16LE(1, 42), 'FORMAT_INVALID'],
    ['a fixed root directory in a FAT32', (b) => void b.writeUInt16LE(512, 17), 'FORMAT_INVALID'],
    [
      'a FAT16 with the clusters of a FAT32',
      (b) => void (b.writeUInt16LE(600, 22), b.writeUInt32LE(0, 36)),
      'FORMAT_INVALID',
    ],
    ['another medium than the FAT says', (b) => void b.writeUInt8(0xf0, 21), 'FORMAT_INVALID'],
    ['NTFS', (b) => void b.write('NTFS    ', 3, 'latin1'), 'FORMAT_INVALID'],
    ['exFAT', (b) => void b.write('EXFAT   ', 3, 'latin1'), 'null'],
    ['BitLocker', (b) => void b.write('-FVE-FS-', 3, 'latin1'), 'null'],
  ])('%s', async (_, lie, outcome) => {
    const bytes = Buffer.from(base);
    lie(bytes.subarray(0, 512));
    expect(await readHostile(memorySource(bytes))).toBe(outcome);
    expect(await readHostile(claimedVolume(bytes, PETABYTES))).toBe(outcome);
  });

  test('the largest FAT32 of all is read in pieces, and can be cancelled', async () => {
    const bytes = Buffer.from(base.subarray(0, 64 * 1024));
    bytes.writeUInt32LE(0xffffffff, 32);
    bytes.writeUInt8(16, 13);
    bytes.writeUInt32LE(2_097_152, 36);
    // its copy says the same
    bytes.copy(bytes, bytes.readUInt16LE(50) * 512, 0, 512);
    const before = process.memoryUsage().rss;
    const fileSystem = (await recogniseFileSystem(claimedVolume(bytes, PETABYTES)))!;
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 50);
    const reading = (async () => {
      for await (const _batch of fileSystem.used(controller.signal));
    })();
    await expect(reading).rejects.toMatchObject({ name: 'AbortError' });
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * MIB);
  });
});

describe('named lies of swap', () => {
  const lie = (change: (page: Buffer) => void): Buffer => {
    const bytes = madeBy('mkswap', [], MIB);
    change(bytes);
    return bytes;
  };

  test.each<[string, (page: Buffer) => void, string]>([
    ['version 0', (page) => void page.writeUInt32LE(0, 1024), 'FORMAT_INVALID'],
    ['no pages', (page) => void page.writeUInt32LE(0, 1028), 'FORMAT_INVALID'],
    ['2^32 pages', (page) => void page.writeUInt32LE(0xffffffff, 1028), 'whole'],
    ['more bad pages than the header holds', (page) => void page.writeUInt32LE(638, 1032), 'FORMAT_INVALID'],
  ])('%s', async (_, change, outcome) => {
    expect(await readHostile(memorySource(lie(change)))).toBe(outcome);
  });
});

test('noise is nothing', async () => {
  for (let seed = 0; seed < 300; seed++) {
    const below = randomBelow(seed);
    const bytes = Buffer.from(Uint8Array.from({ length: 8192 }, () => below(256)));
    expect(await readHostile(memorySource(bytes))).toBe('null');
  }
});
