/** Tables that lie. Whatever they say, partitions are inside the disk and disjoint, and reading ends after little work. */
import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { EngineError } from '../../src-engine/core/engine-error.ts';
import type { BlockSource } from '../../src-engine/disk/block-source.port.ts';
import { memorySource } from '../../src-engine/disk/memory-source.ts';
import type { DiskLayout } from '../../src-engine/volumes/layout.port.ts';
import { readLayout } from '../../src-engine/volumes/read-layout.ts';
import { relocateTables } from '../../src-engine/volumes/relocate-tables.ts';
import { sealHeader, writeGpt, writeLogicals, writeMbr } from '../unit/volumes/disks.ts';

const MIB = 1024 * 1024;
const MUTATIONS = 700;
/** Two GPT copies at two sector sizes with the largest array, 256 chain records, and probes. */
const MAX_READ_BYTES = 64 * MIB;

/** Marsaglia's xorshift: the same numbers on every run. */
function random(seed: number): (below: number) => number {
  let state = seed >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

function counted(disk: Buffer): { source: BlockSource; readBytes: () => number } {
  const inner = memorySource(disk);
  let total = 0;
  const source: BlockSource = {
    ...inner,
    async readInto(offsetBytes, into) {
      total += into.length;
      await inner.readInto(offsetBytes, into);
    },
  };
  return { source, readBytes: () => total };
}

function expectSane(layout: DiskLayout, disk: Buffer): void {
  for (const list of [layout.partitions, layout.metadata]) {
    let endBytes = 0;
    for (const { startBytes, lengthBytes } of list) {
      expect(startBytes).toBeGreaterThanOrEqual(endBytes);
      expect(lengthBytes).toBeGreaterThan(0);
      endBytes = startBytes + lengthBytes;
      expect(endBytes).toBeLessThanOrEqual(disk.length);
    }
  }
  for (const partition of layout.partitions) {
    for (const extent of layout.metadata) {
      const apart =
        extent.startBytes + extent.lengthBytes <= partition.startBytes ||
        partition.startBytes + partition.lengthBytes <= extent.startBytes;
      expect(apart).toBe(true);
    }
  }
}

async function survives(disk: Buffer): Promise<DiskLayout> {
  const { source, readBytes } = counted(disk);
  const layout = await readLayout(source);
  expectSane(layout, disk);
  const targets = [disk.length / 2, disk.length, 2 * disk.length];
  for (const [targetBytes, sectorBytes] of targets.flatMap((bytes) => [[bytes], [bytes, 4096]])) {
    try {
      const { patches, stale, finishing } = await relocateTables(source, targetBytes, sectorBytes);
      for (const { offsetBytes, bytes } of patches) expect(offsetBytes + bytes.length).toBeLessThanOrEqual(targetBytes);
      for (const { startBytes, lengthBytes } of finishing) {
        expect(startBytes + lengthBytes).toBeLessThanOrEqual(targetBytes);
      }
      for (const { startBytes, lengthBytes } of stale) {
        expect(startBytes + lengthBytes).toBeLessThanOrEqual(disk.length);
      }
    } catch (error) {
      expect(error).toBeInstanceOf(EngineError);
      const allowed = sectorBytes ? ['TARGET_TOO_SMALL', 'FORMAT_UNSUPPORTED'] : ['TARGET_TOO_SMALL'];
      expect(allowed).toContain((error as EngineError).code);
    }
  }
  expect(readBytes()).toBeLessThan(MAX_READ_BYTES);
  return layout;
}

function gptDisk(): Buffer {
  const disk = Buffer.alloc(2 * MIB);
  writeGpt(disk, [
    { first: 100, last: 999 },
    { first: 1000, last: 1999, name: 'two' },
    { first: 2000, last: 2999 },
  ]);
  return disk;
}

function mbrDisk(): Buffer {
  const disk = Buffer.alloc(4 * MIB);
  writeLogicals(disk, [
    { record: 4096, start: 4200, count: 800 },
    { record: 5000, start: 5100, count: 900 },
    { record: 6000, start: 6063, count: 100 },
  ]);
  return disk;
}

/** Numbers that programs get wrong. */
const EDGES = [0, 1, 2, 33, 34, 63, 0x7f, 0x80, 0xee, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

describe('seeded mutations', () => {
  test('of a GPT, with checksums made right again so that the lie is believed', async () => {
    for (let seed = 1; seed <= MUTATIONS; seed++) {
      const next = random(seed);
      const disk = gptDisk();
      const copy = next(2) === 0 ? 512 : disk.length - 512;
      for (let n = 1 + next(3); n > 0; n--) {
        const at = next(3) === 0 ? next(92 / 4) * 4 : 0;
        if (at > 0) disk.writeUInt32LE(EDGES[next(EDGES.length)], copy + at);
        else disk.writeUInt32LE(EDGES[next(EDGES.length)], 1024 + 128 * next(3) + 4 * next(32));
      }
      if (next(3) > 0) {
        for (const header of [512, disk.length - 512]) {
          const entriesAt = header === 512 ? 1024 : disk.length - 33 * 512;
          disk.writeUInt32LE(crc32(disk.subarray(entriesAt, entriesAt + 128 * 128)), header + 88);
          sealHeader(disk, header);
        }
      }
      await survives(disk);
    }
  });

  test('of an MBR with a chain of logical partitions', async () => {
    const records = [0, 4096, 5000, 6000];
    for (let seed = 1; seed <= MUTATIONS; seed++) {
      const next = random(seed);
      const disk = mbrDisk();
      for (let n = 1 + next(4); n > 0; n--) {
        const at = records[next(4)] * 512 + 446 + 16 * next(4);
        if (next(2) === 0) disk[at + 4] = [0x05, 0x0f, 0x85, 0x83, 0xee, 0x42, 0][next(7)];
        else disk.writeUInt32LE(next(2) === 0 ? EDGES[next(EDGES.length)] : next(8192), at + 8 + 4 * next(2));
      }
      await survives(disk);
    }
  });

  test('of any bytes of the first and last sectors, and truncation', async () => {
    for (let seed = 1; seed <= MUTATIONS; seed++) {
      const next = random(seed);
      const disk = next(2) === 0 ? gptDisk() : mbrDisk();
      for (let n = 1 + next(20); n > 0; n--) {
        const at = next(34 * 512);
        disk[next(2) === 0 ? at : disk.length - 1 - at] = next(256);
      }
      await survives(disk.subarray(0, next(2) === 0 ? disk.length : next(disk.length)));
    }
  });
});

describe('named lies', () => {
  test('a cycle of logical partitions', async () => {
    const disk = mbrDisk();
    writeMbr(disk, [null, { type: 5, start: 0, count: 1 }], 6000 * 512);
    expect((await survives(disk)).warnings.map((w) => w.code)).toEqual(['EXTENDED_CHAIN_BROKEN']);
  });

  test('a record that links to itself', async () => {
    const disk = mbrDisk();
    writeMbr(disk, [null, { type: 5, start: 5000 - 4096, count: 1 }], 5000 * 512);
    expect((await survives(disk)).warnings.map((w) => w.code)).toEqual(['EXTENDED_CHAIN_BROKEN']);
  });

  test('four extended partitions over the same chain', async () => {
    const disk = mbrDisk();
    const container = { type: 5, start: 4096, count: 4096 };
    writeMbr(disk, [container, container, container, container]);
    expect(await survives(disk)).toMatchObject({ table: 'none' });
  });

  test('every record of a large disk links to the next one', async () => {
    const disk = Buffer.alloc(16 * MIB);
    writeMbr(disk, [{ type: 5, start: 1, count: disk.length / 512 - 1 }]);
    for (let sector = 1; sector < disk.length / 512; sector++) {
      writeMbr(disk, [null, { type: 5, start: sector, count: 1 }], sector * 512);
    }
    expect((await survives(disk)).warnings.map((w) => w.code)).toEqual(['EXTENDED_CHAIN_BROKEN']);
  });

  test.each([
    ['entry count of 2^32 - 1', 80, 2 ** 32 - 1],
    ['entries of 2 GiB each', 84, 2 ** 31],
    ['an array past the end', 72, 2 ** 32 - 1],
    ['a header of 4 GiB', 12, 2 ** 32 - 1],
  ])('%s, in both copies', async (_what, field, value) => {
    const disk = gptDisk();
    for (const header of [512, disk.length - 512]) {
      disk.writeUInt32LE(value, header + field);
      sealHeader(disk, header);
    }
    expect((await survives(disk)).warnings).toEqual([{ code: 'TABLE_UNREADABLE', data: { reason: 'GPT_DAMAGED' } }]);
  });

  test('a GPT with 1024 entries for the same sectors', async () => {
    const disk = Buffer.alloc(2 * MIB);
    writeGpt(
      disk,
      Array.from({ length: 1024 }, () => ({ first: 1000, last: 1999 })),
      { entryCount: 1024 },
    );
    expect(await survives(disk)).toMatchObject({ table: 'none' });
  });

  test('arrays of both copies in the same place', async () => {
    const disk = gptDisk();
    disk.writeBigUInt64LE(2n, disk.length - 512 + 72);
    sealHeader(disk, disk.length - 512);
    expect(await survives(disk)).toMatchObject({ table: 'none' });
  });
});
