/** Parts of qcow2 by themselves. */
import { zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { packClusters } from '../../../src-engine/core/pack-clusters.ts';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import { Allocator } from '../../../src-engine/formats/qcow2/allocator.ts';
import { readQcow2Header } from '../../../src-engine/formats/qcow2/header.ts';
import { unpackerOf } from '../../../src-engine/formats/qcow2/unpack.ts';
import { zstdFrameBytes } from '../../../src-engine/core/zstd-frame.ts';
import { noise } from '../../support/disks.ts';
import { randomBelow } from '../../support/temporary.ts';

describe('counts of references', () => {
  test('are those of what was given out, over many ranges', async () => {
    // clusters of 512 bytes: a block of counts describes 256 of them
    const blocks = new Map<number, Buffer>();
    const file = {
      write: async (offset: number, bytes: Uint8Array) => void blocks.set(offset, Buffer.from(bytes)),
    } as never;
    const reserved = 3;
    const allocator = new Allocator(file, 512, reserved);
    const expected = new Map<number, number>();
    const count = (cluster: number) => expected.set(cluster, (expected.get(cluster) ?? 0) + 1);
    const below = randomBelow(1);
    const taken: [from: number, to: number][] = [[0, reserved * 512]];
    for (let i = 0; i < 5000; i++) {
      // long stretches of one kind: what is packed must not go on in a range that is written
      const isPacked = i % 1000 < 300 || below(2) === 0;
      const length = isPacked ? 1 + below(511) : 512;
      const place = isPacked ? await allocator.packed(length) : await allocator.cluster();
      if (!isPacked) expect(place % 512).toBe(0);
      taken.push([place, place + length]);
      for (let c = Math.floor(place / 512); c <= Math.floor((place + length - 1) / 512); c++) count(c);
    }
    const places = await allocator.finish();
    for (let c = 0; c < reserved; c++) count(c);
    for (const place of places) {
      count(place / 512);
      taken.push([place, place + 512]);
    }
    taken.sort((a, b) => a[0] - b[0]);
    for (let i = 1; i < taken.length; i++) expect(taken[i][0]).toBeGreaterThanOrEqual(taken[i - 1][1]);
    const clusters = allocator.endBytes / 512;
    expect(places.length).toBe(Math.ceil(clusters / 256));
    expect(places.length).toBeGreaterThan(10);
    for (let cluster = 0; cluster < places.length * 256; cluster++) {
      const block = blocks.get(places[Math.floor(cluster / 256)])!;
      expect(block.readUInt16BE((cluster % 256) * 2), `cluster ${cluster}`).toBe(expected.get(cluster) ?? 0);
    }
  });
});

describe('zstd', () => {
  test('the end of a frame is found, whatever follows it', () => {
    for (const content of [
      Buffer.alloc(65_536),
      noise('frame', 200_000),
      Buffer.from('x'.repeat(300)),
      Buffer.alloc(0),
    ]) {
      const frame = zstdCompressSync(content);
      expect(zstdFrameBytes(Buffer.concat([frame, frame, noise('more', 99)]))).toBe(frame.length);
      expect(() => zstdFrameBytes(frame.subarray(0, frame.length - 1))).toThrow();
    }
    expect(() => zstdFrameBytes(Buffer.from('not a frame'))).toThrow();
  });

  test('what was packed is unpacked to the same; what does not get shorter is left as it is', async () => {
    for (const compression of ['zlib', 'zstd'] as const) {
      const unpack = unpackerOf(compression, 65_536);
      const clusters = Array.from({ length: 40 }, (_, i) => {
        return i % 3 ? Buffer.from(noise(`${i}`, 32_768).toString('hex')) : noise(`${i}`, 65_536);
      });
      const memory = Buffer.concat(clusters);
      const lengths = packClusters(compression === 'zlib' ? 'deflate-raw' : compression, memory, 65_536);
      let at = 0;
      for (const [i, length] of lengths.entries()) {
        const bytes = memory.subarray(at, at + length);
        if (i % 3) expect((await unpack(Buffer.concat([bytes, noise('next', 400)]))).equals(clusters[i])).toBe(true);
        else expect(bytes.equals(clusters[i])).toBe(true);
        at += length;
      }
    }
  });

  test('bombs end at the length of a cluster', async () => {
    const unpack = unpackerOf('zstd', 65_536);
    await expect(unpack(zstdCompressSync(Buffer.alloc(10_000_000)))).rejects.toThrow();
  });
});

describe('the header', () => {
  function header(change: (bytes: Buffer) => void): Promise<unknown> {
    const bytes = Buffer.alloc(3 * 65_536);
    bytes.writeUInt32BE(0x514649fb, 0);
    bytes.writeUInt32BE(3, 4);
    bytes.writeUInt32BE(16, 20);
    bytes.writeBigUInt64BE(1n << 30n, 24);
    bytes.writeUInt32BE(2, 36);
    bytes.writeBigUInt64BE(65_536n, 40);
    bytes.writeUInt32BE(104, 100);
    change(bytes);
    return readQcow2Header(memorySource(bytes));
  }

  test('as it should be', async () => {
    expect(await header(() => {})).toMatchObject({
      version: 3,
      lengthBytes: 2 ** 30,
      compression: 'zlib',
      backing: null,
    });
    // the refcounts of an image that was not closed do not matter to readers
    expect(await header((bytes) => bytes.writeBigUInt64BE(1n, 72))).toMatchObject({ version: 3 });
    expect(await readQcow2Header(memorySource(Buffer.alloc(3)))).toBeNull();
    expect(await readQcow2Header(memorySource(Buffer.alloc(300)))).toBeNull();
  });

  test('what is refused by name', async () => {
    const refused = async (feature: string, change: (bytes: Buffer) => void) =>
      expect(header(change)).rejects.toMatchObject({ code: 'FORMAT_UNSUPPORTED', data: { feature } });
    await refused('qcow2 marked as corrupt', (bytes) => bytes.writeBigUInt64BE(2n, 72));
    await refused('qcow2 incompatible features 0x20', (bytes) => bytes.writeBigUInt64BE(0x20n, 72));
    await refused('encrypted qcow2', (bytes) => bytes.writeUInt32BE(1, 32));
    await refused('qcow2 version 4', (bytes) => bytes.writeUInt32BE(4, 4));
    await refused('qcow2 compression type 2', (bytes) => {
      bytes.writeBigUInt64BE(8n, 72);
      bytes.writeUInt32BE(112, 100);
      bytes[104] = 2;
    });
  });

  test('what cannot be', async () => {
    const invalid = async (field: string, change: (bytes: Buffer) => void) =>
      expect(header(change)).rejects.toMatchObject({ code: 'FORMAT_INVALID', data: { field } });
    await invalid('cluster_bits', (bytes) => bytes.writeUInt32BE(8, 20));
    await invalid('cluster_bits', (bytes) => bytes.writeUInt32BE(22, 20));
    await invalid('size', (bytes) => bytes.writeBigUInt64BE(1n << 60n, 24));
    await invalid('l1_size', (bytes) => bytes.writeUInt32BE(1, 36));
    await invalid('l1_size', (bytes) => bytes.writeUInt32BE(0xffffffff, 36));
    await invalid('l1_table_offset', (bytes) => bytes.writeBigUInt64BE(512n, 40));
    await invalid('backing_file_size', (bytes) => {
      bytes.writeBigUInt64BE(200n, 8);
      bytes.writeUInt32BE(5000, 16);
    });
  });
});
