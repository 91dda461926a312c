/** Hostile btrfs: nodes of every tree mutated, with their checksums put right so that the lies reach the reader, and named lies. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { deflateSync, zstdCompressSync } from 'node:zlib';
import { crc32c } from '../../../src-engine/core/crc32c.ts';
import { EngineError } from '../../../src-engine/core/engine-error.ts';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import { unpackExtent } from '../../../src-engine/filesystems/btrfs/compression.ts';
import { unpackLzo } from '../../../src-engine/filesystems/btrfs/lzo.ts';
import { noise } from '../../support/disks.ts';
import { proves } from '../../support/matrix.ts';
import { examineHostile, mutate, MUTATIONS, randomBelow, readHostile, restoring, type Region } from './harmless.ts';

const MIB = 1024 * 1024;
/** All kinds of nodes together are mutated more often than is asked for. */
const OF_EACH_KIND = Math.ceil(MUTATIONS / 4);
const NODE = 4096;
const SUPER = 65_536;

/** A small btrfs with mixed block groups, whose trees have two levels and more. */
function makeBtrfs(): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'diskpress-btrfs-'));
  try {
    const root = join(folder, 'root');
    mkdirSync(join(root, 'deep', 'deeper'), { recursive: true });
    for (let i = 0; i < 120; i++)
      writeFileSync(join(root, i % 2 ? 'deep' : '.', `a file with a longer name ${i}`), noise(`${i}`, (i * 97) % 3000));
    writeFileSync(join(root, 'large'), noise('large', 300_000));
    truncateSync(join(root, 'large'), 900_000);
    symlinkSync('deep/deeper', join(root, 'link'));
    const image = join(folder, 'image');
    writeFileSync(image, '');
    truncateSync(image, 16 * MIB);
    const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
    execFileSync('mkfs.btrfs', ['-q', '--mixed', '-n', '4096', '-s', '4096', '--rootdir', root, image], {
      env,
      stdio: 'pipe',
    });
    return readFileSync(image);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function seal(bytes: Buffer, start: number): void {
  bytes.writeUInt32LE(~crc32c(0xffffffff, bytes.subarray(start + 32, start + NODE)) >>> 0, start);
}

const TREES: Record<string, bigint> = { 'root tree': 1n, 'extent tree': 2n, 'chunk tree': 3n, 'file tree': 5n };

/** Where nodes of the newest trees are, by the tree that they belong to. */
function nodesOf(bytes: Buffer): Map<string, number[]> {
  const fsid = bytes.subarray(SUPER + 32, SUPER + 48);
  const nodes = new Map<string, number[]>();
  for (let start = 0; start + NODE <= bytes.length; start += NODE) {
    if (start === SUPER || !bytes.subarray(start + 32, start + 48).equals(fsid)) continue;
    const owner = bytes.readBigUInt64LE(start + 88);
    const name = Object.keys(TREES).find((tree) => TREES[tree] === owner);
    if (!name) continue;
    const kind = bytes[start + 100] > 0 ? `${name}, inner nodes` : name;
    nodes.set(kind, [...(nodes.get(kind) ?? []), start]);
  }
  return nodes;
}

/** Items and pointers with what they hold matter more than what is between them. */
function regionsOf(bytes: Buffer, start: number): Region[] {
  const count = bytes.readUInt32LE(start + 96);
  if (bytes[start + 100] > 0)
    return [
      [start + 48, 53],
      [start + 101, Math.max(16, count * 33)],
    ];
  const heads: Region = [start + 101, Math.max(16, count * 25)];
  const data = Array.from({ length: count }, (_, i): Region => {
    const at = start + 101 + i * 25;
    return [start + 101 + bytes.readUInt32LE(at + 17), Math.max(16, bytes.readUInt32LE(at + 21))];
  }).filter(([from, length]) => from + length <= start + NODE);
  return [[start + 48, 53], heads, ...data];
}

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

  test('superblock', async () => {
    const outcomes = new Set<string>();
    for (let seed = 0; seed < OF_EACH_KIND; seed++) {
      await restoring(bytes, [[SUPER, NODE]], async () => {
        mutate(
          bytes,
          [
            [SUPER + 48, 163],
            [SUPER + 811, 200],
          ],
          seed,
        );
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
  const lied = (start: number, lie: () => void) =>
    restoring(bytes, [[start, NODE]], async () => {
      lie();
      seal(bytes, start);
      const { outcome, walk } = await examineHostile(memorySource(bytes));
      return [outcome, ...(walk?.refusals ?? [])];
    });

  test.each([
    ['a tree of depth 255', () => bytes.writeUInt8(255, inner + 100)],
    ['a node that points at itself', () => bytes.writeBigUInt64LE(bytes.readBigUInt64LE(inner + 48), inner + 101 + 17)],
    ['two pointers at one node', () => bytes.copy(bytes, inner + 101 + 33 + 17, inner + 101 + 17, inner + 101 + 33)],
    ['more pointers than a node holds', () => bytes.writeUInt32LE(0xffff, inner + 96)],
    ['keys that do not ascend', () => bytes.copy(bytes, inner + 101 + 33, inner + 101, inner + 101 + 17)],
  ])('%s', async (_, lie) => {
    expect(await lied(inner, lie)).toContain('FORMAT_INVALID');
  });

  test.each<[string, (leaf: number) => void]>([
    ['an item outside its leaf', (leaf) => bytes.writeUInt32LE(0xfffffff0, leaf + 101 + 17)],
    ['an item of 4 GiB', (leaf) => bytes.writeUInt32LE(0xffffffff, leaf + 101 + 21)],
    ['an item over the heads', (leaf) => bytes.writeUInt32LE(0, leaf + 101 + 17)],
  ])('%s', async (_, lie) => {
    const answers = new Set<string>();
    // mkfs leaves nodes behind that no tree refers to any more
    for (const leaf of nodes.get('file tree')!)
      (await lied(leaf, () => lie(leaf))).forEach((code) => answers.add(code));
    expect(answers).toContain('FORMAT_INVALID');
  });

  test('a name of 64 KiB', async () => {
    for (const start of nodes.get('file tree')!) {
      const count = bytes.readUInt32LE(start + 96);
      const item = Array.from({ length: count }, (_, i) => start + 101 + i * 25).find((at) => bytes[at + 8] === 96);
      if (item === undefined) continue;
      const at = start + 101 + bytes.readUInt32LE(item + 17) + 27;
      expect(await lied(start, () => bytes.writeUInt16LE(0xffff, at))).toContain('FORMAT_INVALID');
      return;
    }
    throw new Error('no folder was found');
  });

  test('chunks: of length zero, over each other, past the end', async () => {
    const start = nodes.get('chunk tree')![0];
    const count = bytes.readUInt32LE(start + 96);
    const item = Array.from({ length: count }, (_, i) => start + 101 + i * 25).findLast((at) => bytes[at + 8] === 228)!;
    const data = start + 101 + bytes.readUInt32LE(item + 17);
    expect(await lied(start, () => bytes.writeBigUInt64LE(0n, data))).toContain('FORMAT_INVALID');
    expect(await lied(start, () => bytes.writeBigUInt64LE(2n ** 62n, data))).toContain('FORMAT_INVALID');
    expect(await lied(start, () => bytes.writeUInt16LE(0, data + 44))).toContain('FORMAT_INVALID');
  });
});

describe('compressed extents', () => {
  const bomb = Buffer.alloc(8 * MIB);
  const refused = (work: Promise<unknown>) => expect(work).rejects.toBeInstanceOf(EngineError);

  test('bombs end at 128 KiB', async () => {
    await refused(unpackExtent(1, deflateSync(bomb), 128 * 1024, 4096));
    await refused(unpackExtent(3, zstdCompressSync(bomb), 128 * 1024, 4096));
    await refused(unpackExtent(2, Buffer.alloc(100, 1), 2 ** 31, 4096));
  });

  test('LZO: any bytes end, in bounds', () => {
    for (let seed = 0; seed < 10 * MUTATIONS; seed++) {
      const below = randomBelow(seed);
      const input = Uint8Array.from({ length: 1 + below(60) }, () => (below(3) ? below(256) : below(20)));
      const guarded = new Uint8Array(4096 + 64).fill(0xa5);
      try {
        expect(unpackLzo(input, guarded.subarray(0, 4096))).toBeLessThanOrEqual(4096);
      } catch (error) {
        expect(error).toBeInstanceOf(EngineError);
      }
      expect(guarded.subarray(4096).every((byte) => byte === 0xa5)).toBe(true);
    }
  });
});

beforeAll(() => {
  expect([...nodes.keys()]).toEqual(
    expect.arrayContaining(['file tree', 'extent tree', 'root tree', 'chunk tree', 'file tree, inner nodes']),
  );
});
