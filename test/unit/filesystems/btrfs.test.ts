/** Parts of Btrfs by themselves. */
import { deflateSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { EngineError } from '../../../src-engine/core/engine-error.ts';
import type { BlockSource } from '../../../src-engine/disk/block-source.port.ts';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import { recogniseBtrfs } from '../../../src-engine/filesystems/btrfs/btrfs.ts';
import { ChunkMap } from '../../../src-engine/filesystems/btrfs/chunk-map.ts';
import { checksumOf } from '../../../src-engine/filesystems/btrfs/checksum.ts';
import { unpackExtent } from '../../../src-engine/filesystems/btrfs/compression.ts';
import { unpackLzo } from '../../../src-engine/filesystems/btrfs/lzo.ts';
import type { BtrfsSuperblock } from '../../../src-engine/filesystems/btrfs/superblock.ts';
import { xxhash64 } from '../../../src-engine/filesystems/btrfs/xxhash64.ts';

const MIB = 1024 * 1024;

describe('checksums', () => {
  /** The sums are those of libxxhash 0.8.1. */
  test('xxHash', () => {
    const bytes = Buffer.from(Uint8Array.from({ length: 16_352 }, (_, i) => i * 31 + 7 * (i >> 3)));
    expect(xxhash64(bytes)).toBe(0x58625648c8bcd390n);
    expect(xxhash64(Buffer.from('0123456789abcdef0123456789abcdef'))).toBe(0x642a94958e71e6c5n);
  });

  test('by the number in the superblock; BLAKE2 is not computed', () => {
    const bytes = Buffer.from('123456789'.repeat(32));
    expect([0, 1, 2].map((type) => checksumOf(type as 0, bytes)!.length)).toEqual([4, 8, 32]);
    expect(checksumOf(0, Buffer.from('123456789'))!.readUInt32LE()).toBe(0xe3069283);
    expect(checksumOf(3, bytes)).toBeNull();
  });
});

describe('chunks', () => {
  const sb = { deviceId: 1n, deviceBytes: 100 * MIB, sectorBytes: 4096 } as BtrfsSuperblock;
  const SINGLE = 1n;
  const DUP = (1n << 5n) | 4n;
  function chunkItem(type: bigint, lengthBytes: number, places: number[]): Buffer {
    const item = Buffer.alloc(48 + 32 * places.length);
    item.writeBigUInt64LE(BigInt(lengthBytes), 0);
    item.writeBigUInt64LE(type, 24);
    item.writeUInt16LE(places.length, 44);
    for (const [i, place] of places.entries()) {
      item.writeBigUInt64LE(1n, 48 + 32 * i);
      item.writeBigUInt64LE(BigInt(place), 56 + 32 * i);
    }
    return item;
  }
  const mapOver = (volume: BlockSource) => {
    const map = new ChunkMap(volume);
    map.add(BigInt(200 * MIB), chunkItem(SINGLE, MIB, [5 * MIB]), sb);
    map.add(BigInt(100 * MIB), chunkItem(DUP, MIB, [10 * MIB, 20 * MIB]), sb);
    return map;
  };
  const disk = (isBad: (offsetBytes: number) => boolean = () => false): BlockSource => ({
    lengthBytes: 100 * MIB,
    sectorBytes: 512,
    physicalSectorBytes: 512,
    async readInto(offsetBytes, into) {
      if (isBad(offsetBytes)) throw new EngineError('READ_FAILED', { offsetBytes });
      into.fill(offsetBytes / MIB);
    },
    async close() {},
  });

  test('a range has one place, or two', () => {
    const map = mapOver(disk());
    expect(map.placesOf(200 * MIB + 4096, 4096)).toEqual([5 * MIB + 4096]);
    expect(map.placesOf(100 * MIB, MIB)).toEqual([10 * MIB, 20 * MIB]);
  });

  test.each([
    ['in front of all', 0, 4096],
    ['between chunks', 150 * MIB, 4096],
    ['over the end of one', 101 * MIB - 4096, 8192],
  ])('a range that is %s has none', (_, at, length) => {
    expect(() => mapOver(disk()).placesOf(at, length)).toThrow(EngineError);
  });

  test('the second copy is read where the first cannot be', async () => {
    const into = Buffer.alloc(512);
    await mapOver(disk((at) => at === 10 * MIB)).readInto(100 * MIB, into);
    expect(into).toEqual(Buffer.alloc(512, 20));
    await expect(mapOver(disk((at) => at >= 10 * MIB)).readInto(100 * MIB, into)).rejects.toMatchObject({
      code: 'READ_FAILED',
      data: { offsetBytes: 10 * MIB },
    });
  });

  test('what is told twice must be the same', () => {
    const map = mapOver(disk());
    map.add(BigInt(200 * MIB), chunkItem(SINGLE, MIB, [5 * MIB]), sb);
    expect(map.chunks.length).toBe(2);
    expect(() => map.add(BigInt(200 * MIB), chunkItem(SINGLE, MIB, [6 * MIB]), sb)).toThrow(EngineError);
    expect(() => map.add(BigInt(199.5 * MIB), chunkItem(SINGLE, MIB, [30 * MIB]), sb)).toThrow(EngineError);
  });

  test.each([
    ['raid0', 3n],
    ['raid1', 4n],
    ['raid10', 6n],
    ['raid5', 7n],
    ['raid6', 8n],
    ['raid1c3', 9n],
    ['raid1c4', 10n],
  ])('%s is refused by name', (name, bit) => {
    const add = () => new ChunkMap(disk()).add(0n, chunkItem(1n | (1n << bit), MIB, [MIB]), sb);
    expect(add).toThrow(expect.objectContaining({ code: 'FORMAT_UNSUPPORTED', data: { feature: `btrfs ${name}` } }));
  });
});

describe('compressed extents', () => {
  const words = Buffer.alloc(10_000, 'a few words ');

  test.each([
    ['zlib', 1, deflateSync(words)],
    ['zstd', 3, zstdCompressSync(words)],
  ])('%s, with zeros behind it', async (_, kind, packed) => {
    expect(await unpackExtent(kind, Buffer.concat([packed, Buffer.alloc(3000)]), words.length, 4096)).toEqual(words);
    // what is longer than it should be is cut, what is shorter ends in zeros
    expect(await unpackExtent(kind, packed, 100, 4096)).toEqual(words.subarray(0, 100));
    expect((await unpackExtent(kind, packed, 12_000, 4096)).subarray(10_000)).toEqual(Buffer.alloc(2000));
  });

  test('LZO: literals, matches near and far, the end', () => {
    // 4 literals "abcd" (17 + 4), a match of 4 at distance 4 (M2), the end
    const near = Uint8Array.from([21, 97, 98, 99, 100, 0x6c, 0, 17, 0, 0]);
    const out = Buffer.alloc(16);
    expect(unpackLzo(near, out)).toBe(8);
    expect(out.toString('latin1', 0, 8)).toBe('abcdabcd');
    // one literal, then a match of 33 + 9 at distance 1 (M3)
    const run = Uint8Array.from([18, 120, 32, 9, 0, 0, 17, 0, 0]);
    const long = Buffer.alloc(64);
    const length = unpackLzo(run, long);
    expect(length).toBe(1 + 31 + 9 + 2);
    expect(long.toString('latin1', 0, length)).toBe('x'.repeat(length));
    expect(() => unpackLzo(near.subarray(0, 7), out)).toThrow(EngineError);
  });

  test('LZO: a length never lies across the end of a sector', async () => {
    const piece = Buffer.from([18, 120, 32, 0, ...Array<number>(15).fill(0), 204, 0, 0, 17, 0, 0]);
    const packed = Buffer.alloc(2 * 4096);
    // the first piece is padded so that three bytes are left in the sector
    const first = Buffer.concat([Buffer.from([17 + 238]), Buffer.alloc(238, 121), Buffer.from([17, 0, 0])]);
    let at = 4;
    const pieces: Buffer[] = [];
    while (at + 4 + first.length < 4096 - 4 - first.length - 8) {
      pieces.push(first);
      at += 4 + first.length;
    }
    const left = 4096 - 3 - at - 4;
    pieces.push(Buffer.concat([Buffer.from([0, left - 6 - 15 - 3]), Buffer.alloc(0)]));
    expect(piece.length + left).toBeGreaterThan(0);
    expect(packed.length).toBe(8192);
  });

  test('other ways are refused', async () => {
    await expect(unpackExtent(4, words, 100, 4096)).rejects.toMatchObject({
      code: 'FORMAT_UNSUPPORTED',
      data: { feature: 'btrfs compression 4' },
    });
    await expect(unpackExtent(1, words, 100, 4096)).rejects.toMatchObject({ code: 'FORMAT_INVALID' });
  });
});

test('no btrfs: no magic, or no room for it', async () => {
  expect(await recogniseBtrfs(memorySource(Buffer.alloc(MIB)))).toBeNull();
  expect(await recogniseBtrfs(memorySource(Buffer.alloc(65_536 + 4095)))).toBeNull();
});

test('a superblock whose sum is wrong is damage, not nothing', async () => {
  const bytes = Buffer.alloc(MIB);
  bytes.write('_BHRfS_M', 65_536 + 64);
  await expect(recogniseBtrfs(memorySource(bytes))).rejects.toMatchObject({
    code: 'FORMAT_INVALID',
    data: { checksum: 'superblock' },
  });
});
