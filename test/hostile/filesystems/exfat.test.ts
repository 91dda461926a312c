/** Hostile exFAT volumes: mutated metadata, with checksums put right again so that the lies reach the reader, and named lies. */
import { beforeAll, describe, expect, test } from 'vitest';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import { proves } from '../../support/matrix.ts';
import { CLUSTER, makeVolume, sealBoot, sealSets, sealUpCase, type ExfatVolume } from './exfat-volume.ts';
import { claimedVolume, examineHostile, mutate, MUTATIONS, readHostile, restoring, type Region } from './harmless.ts';

const MIB = 1024 * 1024;
const LENGTH = 4 * MIB;
const PETABYTES = 8 * 1024 ** 5;
const BOOT: Region = [0, 24 * 512];

let volume: ExfatVolume;
beforeAll(() => {
  volume = makeVolume(LENGTH);
});

const bitmapPlace = ({ bytes, bitmapEntry, place }: ExfatVolume) => place(bytes.readUInt32LE(bitmapEntry + 20));
const upCasePlace = ({ bytes, upCaseEntry, place }: ExfatVolume) => place(bytes.readUInt32LE(upCaseEntry + 20));

test('is read as it is, and its checksums are known', async () => {
  const before = Buffer.from(volume.bytes);
  sealBoot(volume.bytes);
  sealSets(volume);
  sealUpCase(volume);
  expect(volume.bytes.equals(before)).toBe(true);
  const { outcome, walk } = await examineHostile(memorySource(volume.bytes));
  expect(outcome).toBe('used-blocks');
  expect(walk).toMatchObject({ names: 13, filesRead: 11 });
  expect([...walk!.refusals]).toEqual([]);
});

interface Kind {
  readonly what: string;
  readonly regions: (v: ExfatVolume) => Region[];
  readonly seal: (v: ExfatVolume) => void;
  /** which part of all mutations */
  readonly part?: number;
  /** whether most files can still be seen */
  readonly keepsNames?: boolean;
}

const KINDS: Kind[] = [
  { what: 'the boot sector', regions: () => [[64, 56]], seal: (v) => sealBoot(v.bytes), part: 0.5 },
  {
    what: 'the boot sector and what it is about',
    regions: (v) => [
      [64, 56],
      [v.fat, 600],
    ],
    seal: (v) => sealBoot(v.bytes),
    part: 0.5,
  },
  { what: 'the FAT', regions: (v) => [[v.fat, 600]], seal: () => {}, keepsNames: true },
  { what: 'the bitmap', regions: (v) => [[bitmapPlace(v), CLUSTER]], seal: () => {}, keepsNames: true },
  { what: 'the up-case table', regions: (v) => [[upCasePlace(v), 6000]], seal: sealUpCase, keepsNames: true },
  { what: 'entries', regions: (v) => [...v.folders], seal: sealSets, part: 0.5, keepsNames: true },
  {
    what: 'the entries of the root',
    regions: (v) => [[v.place(v.root), 6 * 32]],
    seal: (v) => (sealSets(v), sealUpCase(v)),
    part: 0.5,
    keepsNames: true,
  },
];

describe('mutated', () => {
  test.each(KINDS)('$what', async ({ regions: regionsOf, seal, part = 1, keepsNames = false }) => {
    const before = process.memoryUsage().rss;
    const regions = regionsOf(volume);
    const touched = [BOOT, ...volume.folders, ...regions];
    const outcomes = new Set<string>();
    const seeds = Math.ceil(MUTATIONS * part);
    let names = 0;
    for (let seed = 0; seed < seeds; seed++) {
      await restoring(volume.bytes, touched, async () => {
        mutate(volume.bytes, regions, seed);
        // now and then the checksum stays wrong
        if (seed % 8 > 0) seal(volume);
        const { outcome, walk } = await examineHostile(memorySource(volume.bytes));
        names += walk?.names ?? 0;
        outcomes.add(outcome);
        walk?.refusals.forEach((code) => outcomes.add(code));
      });
    }
    expect(outcomes).toContain('FORMAT_INVALID');
    expect(names).toBeGreaterThan(keepsNames ? seeds : 0);
    expect(process.memoryUsage().rss - before).toBeLessThan(300 * MIB);
  });

  test('cut off anywhere', async () => {
    for (let length = 0; length < 20_000; length += 509) {
      expect(await readHostile(memorySource(volume.bytes.subarray(0, length)))).not.toBe('used-blocks');
    }
  });

  test('proves', (context) => {
    proves(context, {
      subject: 'exFAT',
      feature: 'boot region, tables, entries',
      aspect: 'hostile',
      judge: 'seeded mutations',
    });
  });
});

const BOOT_REGION_BYTES = 12 * 512;

describe('named lies of the boot sector', () => {
  test.each<[string, (boot: Buffer) => void, string]>([
    ['another name', (b) => void b.write('EXFAT  X', 3, 'latin1'), 'null'],
    ['a FAT where nothing should be', (b) => void b.writeUInt8(2, 13), 'null'],
    ['another jump', (b) => void b.writeUInt8(0xe9, 0), 'FORMAT_INVALID'],
    ['no end mark', (b) => void b.writeUInt16LE(0, 510), 'FORMAT_INVALID'],
    ['revision 2', (b) => void b.writeUInt16LE(0x200, 104), 'FORMAT_UNSUPPORTED'],
    ['sectors of 2^255 bytes', (b) => void b.writeUInt8(255, 108), 'FORMAT_INVALID'],
    ['clusters of 64 MiB', (b) => void b.writeUInt8(17, 109), 'FORMAT_INVALID'],
    ['no FATs', (b) => void b.writeUInt8(0, 110), 'FORMAT_INVALID'],
    ['three FATs', (b) => void b.writeUInt8(3, 110), 'FORMAT_INVALID'],
    ['an active FAT that there is not', (b) => void b.writeUInt16LE(1, 106), 'FORMAT_INVALID'],
    ['2^64 - 1 sectors', (b) => void b.writeBigUInt64LE(2n ** 64n - 1n, 72), 'FORMAT_INVALID'],
    ['no sectors', (b) => void b.writeBigUInt64LE(0n, 72), 'FORMAT_INVALID'],
    ['a FAT inside the boot region', (b) => void b.writeUInt32LE(1, 80), 'FORMAT_INVALID'],
    ['a FAT behind the clusters', (b) => void b.writeUInt32LE(0xfffffff0, 80), 'FORMAT_INVALID'],
    ['a FAT too short for its clusters', (b) => void b.writeUInt32LE(1, 84), 'FORMAT_INVALID'],
    ['clusters behind the end', (b) => void b.writeUInt32LE(0xfffffff0, 88), 'FORMAT_INVALID'],
    ['2^32 - 1 clusters', (b) => void b.writeUInt32LE(0xffffffff, 92), 'FORMAT_INVALID'],
    ['no clusters', (b) => void b.writeUInt32LE(0, 92), 'FORMAT_INVALID'],
    ['a root of cluster 0', (b) => void b.writeUInt32LE(0, 96), 'FORMAT_INVALID'],
    ['a root behind the end', (b) => void b.writeUInt32LE(0x7fffffff, 96), 'FORMAT_INVALID'],
    ['a root without a bitmap', (b) => void b.writeUInt32LE(60, 96), 'FORMAT_INVALID'],
  ])('%s', async (_, lie, outcome) => {
    await restoring(volume.bytes, [BOOT], async () => {
      lie(volume.bytes.subarray(0, 512));
      sealBoot(volume.bytes);
      expect(await readHostile(memorySource(volume.bytes))).toBe(outcome);
      expect(await readHostile(claimedVolume(volume.bytes, PETABYTES))).toBe(outcome);
    });
  });

  test('the largest of all is read in pieces, and ends', async () => {
    await restoring(volume.bytes, [BOOT], async () => {
      const b = volume.bytes.subarray(0, 512);
      b.writeUInt32LE(0xfffffff5, 92);
      b.writeUInt32LE(Math.ceil((0xfffffff7 * 4) / 512), 84);
      b.writeUInt32LE(0x3000000, 88);
      b.writeBigUInt64LE(2n ** 40n, 72);
      sealBoot(volume.bytes);
      // its copy says the same
      volume.bytes.copy(volume.bytes, BOOT_REGION_BYTES, 0, BOOT_REGION_BYTES);
      // nothing but zeros where the root should be
      expect(await readHostile(claimedVolume(volume.bytes, PETABYTES))).toBe('FORMAT_INVALID');
    });
  });
});

describe('named lies of the root and its tables', () => {
  test.each<[string, (v: ExfatVolume) => void]>([
    ['a root that is its own next cluster', (v) => v.bytes.writeUInt32LE(v.root, v.fat + v.root * 4)],
    ['a root that goes on in a free cluster', (v) => (v.bytes.writeUInt32LE(0, v.fat + v.root * 4), fillRoot(v))],
    ['a bitmap of one byte', (v) => v.bytes.writeBigUInt64LE(1n, v.bitmapEntry + 24)],
    ['a bitmap of no bytes', (v) => v.bytes.writeBigUInt64LE(0n, v.bitmapEntry + 24)],
    ['a bitmap of 2^63 bytes', (v) => v.bytes.writeBigUInt64LE(2n ** 63n, v.bitmapEntry + 24)],
    ['a bitmap behind the end', (v) => v.bytes.writeUInt32LE(0xfffffff0, v.bitmapEntry + 20)],
    ['a bitmap that goes in circles', (v) => v.bytes.writeUInt32LE(2, v.fat + 2 * 4)],
    ['a label of 255 letters', (v) => v.bytes.writeUInt8(255, v.place(v.root) + 1)],
    ['an up-case table of 2^63 bytes', (v) => v.bytes.writeBigUInt64LE(2n ** 63n, v.upCaseEntry + 24)],
  ])('%s', async (_, lie) => {
    await restoring(volume.bytes, [[0, LENGTH]], async () => {
      lie(volume);
      expect(await readHostile(memorySource(volume.bytes))).toBe('FORMAT_INVALID');
    });
  });

  /** No end mark: the folder goes on. */
  function fillRoot(v: ExfatVolume): void {
    const end = v.place(v.root) + CLUSTER;
    for (let at = v.place(v.root) + 3 * 32; at < end; at += 32) if (v.bytes[at] === 0) v.bytes[at] = 0x05;
  }
});

describe('named lies of files', () => {
  const at = (name: string) => volume.sets.get(name)!;
  const set = (name: string) => volume.bytes.subarray(at(name), at(name) + 32 * 5);
  const firstOf = (name: string) => set(name).readUInt32LE(32 + 20);

  test.each<[string, () => void]>([
    ['a set of 255 entries', () => set('chained').writeUInt8(255, 1)],
    ['a set of one entry', () => set('chained').writeUInt8(0, 1)],
    ['a set that is cut off', () => set('chained').writeUInt8(0x05, 64)],
    ['a set without a stream', () => set('chained').writeUInt8(0xc1, 32)],
    ['a name of no letters', () => set('chained').writeUInt8(0, 32 + 3)],
    ['a name of more letters than there are', () => set('chained').writeUInt8(255, 32 + 3)],
    [
      'a name that is a way up',
      () => (set('chained').writeUInt8(2, 32 + 3), set('chained').write('..', 66, 'utf16le')),
    ],
    ['a length of 2^63', () => set('chained').writeBigUInt64LE(2n ** 63n, 32 + 24)],
    [
      'a length of the whole volume',
      () => set('chained').writeBigUInt64LE(BigInt(volume.clusterCount * CLUSTER), 32 + 24),
    ],
    [
      'a contiguous length of the whole volume',
      () => set('contiguous').writeBigUInt64LE(BigInt(volume.clusterCount * CLUSTER), 32 + 24),
    ],
    ['more valid bytes than bytes', () => set('chained').writeBigUInt64LE(5001n, 32 + 8)],
    ['a first cluster behind the end', () => set('chained').writeUInt32LE(0xfffffff0, 32 + 20)],
    ['a first cluster of 0', () => set('contiguous').writeUInt32LE(0, 32 + 20)],
    [
      'a chain that goes in circles',
      () => volume.bytes.writeUInt32LE(firstOf('chained'), volume.fat + firstOf('chained') * 4),
    ],
    ['a chain over a bad cluster', () => volume.bytes.writeUInt32LE(0xfffffff7, volume.fat + firstOf('chained') * 4)],
    ['a chain that ends early', () => volume.bytes.writeUInt32LE(0xffffffff, volume.fat + firstOf('chained') * 4)],
    ['a folder of 2^63 bytes', () => set('deeper').writeBigUInt64LE(2n ** 63n, 32 + 24)],
    [
      'a folder that goes in circles',
      () => volume.bytes.writeUInt32LE(firstOf('deeper'), volume.fat + firstOf('deeper') * 4),
    ],
  ])('%s', async (_, lie) => {
    await restoring(volume.bytes, [[0, LENGTH]], async () => {
      lie();
      sealSets(volume);
      const { outcome, walk } = await examineHostile(memorySource(volume.bytes));
      expect(outcome).toBe('used-blocks');
      expect([...walk!.refusals]).toEqual(['FORMAT_INVALID']);
    });
  });

  test('a folder that is inside itself can be followed as long as somebody wants to', async () => {
    await restoring(volume.bytes, [[0, LENGTH]], async () => {
      set('deeper').writeUInt32LE(firstOf('deep'), 32 + 20);
      sealSets(volume);
      const { walk } = await examineHostile(memorySource(volume.bytes));
      expect(walk!.names).toBeGreaterThan(40);
    });
  });

  test('a wrong checksum of a set is told', async () => {
    await restoring(volume.bytes, [[0, LENGTH]], async () => {
      set('chained').writeUInt8(1, 4);
      const { walk } = await examineHostile(memorySource(volume.bytes));
      expect([...walk!.refusals]).toEqual(['FORMAT_INVALID']);
    });
  });
});
