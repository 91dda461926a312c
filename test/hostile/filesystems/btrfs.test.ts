/** Hostile btrfs: nodes of every tree mutated, with their checksums put right so that the lies reach the reader, and named lies. */
import { describe, expect, test } from 'vitest';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import { proves } from '../../support/matrix.ts';
import { itemsOf, makeBtrfs, NODE, nodesOf, regionsOf, seal, SUPER } from './btrfs-nodes.ts';
import { examineHostile, mutate, MUTATIONS, readHostile, restoring } from './harmless.ts';

const MIB = 1024 * 1024;
/** All kinds together are mutated more often than is asked for. */
const OF_EACH_KIND = Math.ceil(MUTATIONS / 6);

const DIR_INDEX = 96;
const EXTENT_DATA = 108;
const EXTENT_ITEM = 168;
const CHUNK_ITEM = 228;

const bytes = makeBtrfs();
const nodes = nodesOf(bytes);

test('is read as it is', async () => {
  const { outcome, walk } = await examineHostile(memorySource(bytes));
  expect(outcome).toBe('used-blocks');
  expect(walk).toMatchObject({ refusals: new Set() });
  expect(walk!.filesRead).toBeGreaterThan(30);
});

describe('mutated', () => {
  test.for(['file tree', 'file tree, inner nodes', 'extent tree', 'root tree', 'chunk tree'])(
    '%s',
    async (kind, context) => {
      proves(context, { subject: 'Btrfs', feature: 'default options', aspect: 'hostile', judge: 'mkfs.btrfs' });
      const places = nodes.get(kind)!;
      const before = process.memoryUsage().rss;
      const outcomes = new Set<string>();
      for (let seed = 0; seed < OF_EACH_KIND; seed++) {
        const start = places[seed % places.length];
        await restoring(bytes, [[start, NODE]], async () => {
          mutate(bytes, regionsOf(bytes, start), seed);
          if (seed % 10 > 0) seal(bytes, start);
          const { outcome, walk } = await examineHostile(memorySource(bytes));
          outcomes.add(outcome);
          for (const code of walk?.refusals ?? []) outcomes.add(code);
        });
      }
      expect(outcomes).toContain('FORMAT_INVALID');
      expect(process.memoryUsage().rss - before).toBeLessThan(300 * MIB);
    },
  );

  test.for([
    ['superblock', [48, 163]],
    ['array of system chunks', [811, 97]],
  ] as const)('%s', async ([, [from, length]]) => {
    const outcomes = new Set<string>();
    for (let seed = 0; seed < OF_EACH_KIND; seed++) {
      await restoring(bytes, [[SUPER, NODE]], async () => {
        mutate(bytes, [[SUPER + from, length]], seed);
        if (seed % 10 > 0) seal(bytes, SUPER);
        outcomes.add(await readHostile(memorySource(bytes)));
      });
    }
    expect(outcomes).toContain('FORMAT_INVALID');
    expect(outcomes).toContain('FORMAT_UNSUPPORTED');
  });
});

describe('named lies', () => {
  const inner = nodes.get('file tree, inner nodes')![0];
  /** @returns what came of reading what is used, and of the walk through the files */
  const lied = (start: number, lie: () => void) =>
    restoring(bytes, [[start, NODE]], async () => {
      lie();
      seal(bytes, start);
      const { outcome, walk } = await examineHostile(memorySource(bytes));
      return [outcome, ...(walk?.refusals ?? [])];
    });
  /** The first item of a type in the leaves of a tree. */
  function itemOf(tree: string, type: number) {
    for (const leaf of nodes.get(tree)!) {
      const item = itemsOf(bytes, leaf).find((one) => one.type === type);
      if (item) return { leaf, ...item };
    }
    throw new Error(`no item of type ${type} in the ${tree}`);
  }

  test.each([
    ['a tree of depth 255', () => bytes.writeUInt8(255, inner + 100)],
    ['a node that points at itself', () => bytes.writeBigUInt64LE(bytes.readBigUInt64LE(inner + 48), inner + 101 + 17)],
    ['two pointers at one node', () => bytes.copy(bytes, inner + 101 + 33 + 17, inner + 101 + 17, inner + 101 + 33)],
    ['more pointers than a node holds', () => bytes.writeUInt32LE(0xffff, inner + 96)],
    ['keys that do not ascend', () => bytes.copy(bytes, inner + 101 + 33, inner + 101, inner + 101 + 17)],
    ['a node that is older than what points at it', () => bytes.writeBigUInt64LE(1n, inner + 80)],
    ['a node of another file system', () => bytes.fill(0x55, inner + 32, inner + 48)],
    ['a node of another place', () => bytes.writeBigUInt64LE(0x100000n, inner + 48)],
    ['a tree without nodes', () => bytes.writeUInt32LE(0, inner + 96)],
  ])('%s', async (_, lie) => {
    expect(await lied(inner, lie)).toContain('FORMAT_INVALID');
  });

  test('a superblock whose trees are of depth 255', async () => {
    expect(await lied(SUPER, () => bytes.writeUInt8(255, SUPER + 198))).toEqual(['FORMAT_INVALID']);
    expect(await lied(SUPER, () => bytes.writeUInt8(255, SUPER + 199))).toEqual(['FORMAT_INVALID']);
  });

  test.each<[string, (leaf: number) => void]>([
    ['an item outside its leaf', (leaf) => bytes.writeUInt32LE(0xfffffff0, leaf + 101 + 17)],
    ['an item of 4 GiB', (leaf) => bytes.writeUInt32LE(0xffffffff, leaf + 101 + 21)],
    ['an item over the heads', (leaf) => bytes.writeUInt32LE(0, leaf + 101 + 17)],
  ])('%s', async (_, lie) => {
    const { leaf } = itemOf('file tree', DIR_INDEX);
    expect(await lied(leaf, () => lie(leaf))).toContain('FORMAT_INVALID');
  });

  test('a name of 64 KiB, and one of nothing', async () => {
    const { leaf, data } = itemOf('file tree', DIR_INDEX);
    for (const length of [0xffff, 0]) {
      expect(await lied(leaf, () => bytes.writeUInt16LE(length, data + 27))).toContain('FORMAT_INVALID');
    }
  });

  test('chunks: of length zero, over each other, past the end, of no stripe', async () => {
    const [leaf] = nodes.get('chunk tree')!;
    const { head, data } = itemsOf(bytes, leaf).findLast(({ type }) => type === CHUNK_ITEM)!;
    const logical = bytes.readBigUInt64LE(head + 9);
    const stripe = bytes.readBigUInt64LE(data + 56);
    expect(await lied(leaf, () => bytes.writeBigUInt64LE(0n, data))).toEqual(['FORMAT_INVALID']);
    expect(await lied(leaf, () => bytes.writeBigUInt64LE(2n ** 62n, data))).toEqual(['FORMAT_INVALID']);
    expect(await lied(leaf, () => bytes.writeBigUInt64LE(logical - 4096n, head + 9))).toEqual(['FORMAT_INVALID']);
    expect(await lied(leaf, () => bytes.writeBigUInt64LE(stripe + BigInt(16 * MIB), data + 56))).toEqual([
      'FORMAT_INVALID',
    ]);
    expect(await lied(leaf, () => bytes.writeUInt16LE(0, data + 44))).toEqual(['FORMAT_INVALID']);
  });

  test('two chunks at one place of the device', async () => {
    const [leaf] = nodes.get('chunk tree')!;
    const [first, second] = itemsOf(bytes, leaf).filter(({ type }) => type === CHUNK_ITEM);
    expect(await lied(leaf, () => bytes.copy(bytes, second.data + 56, first.data + 56, first.data + 64))).toContain(
      'FORMAT_INVALID',
    );
  });

  test('extents that are used: past the end of their chunk, of nothing, over each other', async () => {
    const { leaf, head } = itemOf('extent tree', EXTENT_ITEM);
    for (const length of [2n ** 50n, 2n ** 63n, 0n, BigInt(8 * MIB)]) {
      expect(await lied(leaf, () => bytes.writeBigUInt64LE(length, head + 9))).toContain('FORMAT_INVALID');
    }
  });

  test('extents of files: past the end, outside all chunks, longer than a file can be', async () => {
    const large = nodes
      .get('file tree')!
      .flatMap((leaf) => itemsOf(bytes, leaf).map((item) => ({ leaf, ...item })))
      .find(
        ({ type, data }) => type === EXTENT_DATA && bytes[data + 20] === 1 && bytes.readBigUInt64LE(data + 21) > 0n,
      )!;
    for (const value of [2n ** 50n, 2n ** 63n, BigInt(64 * MIB), 1n]) {
      expect(await lied(large.leaf, () => bytes.writeBigUInt64LE(value, large.data + 21))).toContain('FORMAT_INVALID');
    }
    expect(await lied(large.leaf, () => bytes.writeBigUInt64LE(2n ** 62n, large.data + 45))).toContain(
      'FORMAT_INVALID',
    );
  });

  test('more used bytes than the extents have', async () => {
    expect(await lied(SUPER, () => bytes.writeBigUInt64LE(4096n, SUPER + 120))).toEqual(['FORMAT_INVALID']);
  });
});
