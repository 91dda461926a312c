/** Hostile extents of btrfs: what is compressed, subvolumes that go round, and the unpackers by themselves. */
import { describe, expect, test } from 'vitest';
import { deflateSync, constants, zstdCompressSync } from 'node:zlib';
import { EngineError } from '../../../src-engine/core/engine-error.ts';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import { unpackExtent } from '../../../src-engine/filesystems/btrfs/compression.ts';
import { unpackLzo } from '../../../src-engine/filesystems/btrfs/lzo.ts';
import type { FileTree } from '../../../src-engine/filesystems/file-tree.port.ts';
import { recogniseFileSystem } from '../../../src-engine/filesystems/recognise.ts';
import { proves } from '../../support/matrix.ts';
import { canLoop } from '../../support/workbench.ts';
import { COMPRESSIONS, itemsOf, makeKernelBtrfs, NODE, nodesOf, regionsOf, seal } from './btrfs-nodes.ts';
import { examineHostile, mutate, MUTATIONS, randomBelow, restoring, type Region } from './harmless.ts';

const MIB = 1024 * 1024;
const OF_EACH_KIND = Math.ceil(MUTATIONS / 6);
const MAX_BYTES = 128 * 1024;
const bomb = Buffer.alloc(3 * MIB);
const signal = new AbortController().signal;

/** A header of the whole, then one piece that says how long it is. */
function lzoExtent(piece: Buffer): Buffer {
  const bytes = Buffer.alloc(8 + piece.length);
  bytes.writeUInt32LE(bytes.length, 0);
  bytes.writeUInt32LE(piece.length, 4);
  piece.copy(bytes, 8);
  return bytes;
}
/** A byte, then a match of it over and over: 255 for every zero. */
const lzoBomb = lzoExtent(
  Buffer.concat([Buffer.from([18, 65, 32]), Buffer.alloc(2000), Buffer.from([9, 0, 0, 17, 0, 0])]),
);

describe.skipIf(!canLoop)('an image of the kernel (needs root for a loop mount)', () => {
  const bytes = canLoop ? makeKernelBtrfs() : Buffer.alloc(0);
  const nodes = canLoop ? nodesOf(bytes) : new Map<string, number[]>();
  const opened = async (): Promise<FileTree> => (await recogniseFileSystem(memorySource(bytes)))!.browse!();

  async function regionsOfFile(tree: FileTree, name: string): Promise<Region[]> {
    const folder = await tree.find(tree.root, 'a');
    const regions: Region[] = [];
    for await (const batch of tree.extents((await tree.find(folder!, name))!, signal)) {
      regions.push(...batch.map(({ startBytes, lengthBytes }): Region => [startBytes, lengthBytes]));
    }
    return regions;
  }

  async function readWhole(tree: FileTree, name: string): Promise<void> {
    const content = await tree.open((await tree.find((await tree.find(tree.root, 'a'))!, name))!);
    await content.readInto(0, Buffer.alloc(content.lengthBytes));
  }

  test('is read as it is', async () => {
    const { outcome, walk } = await examineHostile(memorySource(bytes));
    expect(outcome).toBe('used-blocks');
    expect(walk).toMatchObject({ refusals: new Set(), filesRead: 12 });
  });

  test('mutated: subvolumes, extents in the tree', async () => {
    const places = nodes.get('file tree')!;
    const outcomes = new Set<string>();
    for (let seed = 0; seed < OF_EACH_KIND; seed++) {
      const start = places[seed % places.length];
      await restoring(bytes, [[start, NODE]], async () => {
        mutate(bytes, regionsOf(bytes, start), seed);
        seal(bytes, start);
        const { walk } = await examineHostile(memorySource(bytes));
        for (const code of walk?.refusals ?? []) outcomes.add(code);
      });
    }
    expect(outcomes).toContain('FORMAT_INVALID');
  });

  test.for(COMPRESSIONS)('mutated: extents compressed by %s', async (kind, context) => {
    proves(context, { subject: 'Btrfs', feature: `compressed by ${kind}`, aspect: 'hostile', judge: 'kernel' });
    const regions = await regionsOfFile(await opened(), kind);
    expect(regions.length).toBeGreaterThan(1);
    // headers and tables; what is changed behind them may just be other bytes
    const heads = regions.map(([start]): Region => [start, 200]);
    let refusals = 0;
    for (let seed = 0; seed < OF_EACH_KIND; seed++) {
      await restoring(bytes, regions, async () => {
        mutate(bytes, heads, seed);
        try {
          await readWhole(await opened(), kind);
        } catch (error) {
          expect(error).toMatchObject({ name: 'EngineError', code: 'FORMAT_INVALID' });
          refusals++;
        }
      });
    }
    expect(refusals).toBeGreaterThan(OF_EACH_KIND / 10);
  });

  test.each([
    ['zlib', deflateSync(bomb)],
    ['lzo', lzoBomb],
    ['zstd', zstdCompressSync(bomb)],
  ])('a bomb of %s', async (kind, packed) => {
    expect(packed.length).toBeLessThan(4096);
    const regions = await regionsOfFile(await opened(), kind);
    await restoring(bytes, regions, async () => {
      for (const [start, length] of regions) bytes.fill(0, start, start + length).set(packed, start);
      await expect(readWhole(await opened(), kind)).rejects.toMatchObject({ code: 'FORMAT_INVALID' });
    });
  });

  test('subvolumes that hold themselves: the id is the same each time round', async () => {
    const ROOT_REF = 156;
    const tree = await opened();
    const id = async (name: string) => BigInt((await tree.find(tree.root, name))!.id.split(':')[0]);
    const a = await id('a');
    const b = a + 1n;
    const leaves = [...nodes.get('root tree')!, ...nodes.get('file tree')!];
    const regions = leaves.map((leaf): Region => [leaf, NODE]);
    await restoring(bytes, regions, async () => {
      // what stands in `a` under the name of `b` is `a` itself, and the tree of roots says so too
      for (const leaf of leaves) {
        const owner = bytes.readBigUInt64LE(leaf + 88);
        for (const { head, type, data } of itemsOf(bytes, leaf)) {
          if (owner === a && (type === 84 || type === 96) && bytes[data + 8] === 132) bytes.writeBigUInt64LE(a, data);
          const isReference = owner === 1n && type === ROOT_REF && bytes.readBigUInt64LE(head) === a;
          if (isReference && bytes.readBigUInt64LE(head + 9) === b) bytes.writeBigUInt64LE(a, head + 9);
        }
        seal(bytes, leaf);
      }
      const { walk } = await examineHostile(memorySource(bytes));
      expect(walk!.refusals).toEqual(new Set());
      const lying = await opened();
      const first = await lying.find(lying.root, 'a');
      let folder = first!;
      for (let round = 0; round < 5; round++) folder = (await lying.find(folder, 'b'))!;
      expect(folder.id).toBe(first!.id);
    });
  });
});

describe('unpackers', () => {
  const refused = (work: Promise<unknown>) => expect(work).rejects.toBeInstanceOf(EngineError);

  test('bombs end at 128 KiB', async () => {
    await refused(unpackExtent(1, deflateSync(bomb), MAX_BYTES, 4096));
    await refused(unpackExtent(3, zstdCompressSync(bomb), MAX_BYTES, 4096));
    await refused(unpackExtent(2, lzoBomb, MAX_BYTES, 4096));
    await refused(unpackExtent(2, Buffer.alloc(100, 1), 2 ** 31, 4096));
  });

  test('a frame of zstd that asks for a window of 64 MiB', async () => {
    const packed = zstdCompressSync(Buffer.alloc(1000, 'words'), {
      params: { [constants.ZSTD_c_windowLog]: 26, [constants.ZSTD_c_contentSizeFlag]: 0 },
    });
    // the descriptor of the window stands behind the first byte: exponent in its upper five bits
    const asked = Buffer.concat([packed.subarray(0, 5), Buffer.from([(26 - 10) << 3]), packed.subarray(6)]);
    await refused(unpackExtent(3, asked, MAX_BYTES, 4096));
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
