import { describe, expect, test } from 'vitest';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import { agBlockCount, blockOffset, inodeOffset } from '../../../src-engine/filesystems/xfs/addresses.ts';
import { blockChecksum } from '../../../src-engine/filesystems/xfs/checksum.ts';
import { hashName } from '../../../src-engine/filesystems/xfs/directory-index.ts';
import { readFeatures } from '../../../src-engine/filesystems/xfs/features.ts';
import { isLogClean } from '../../../src-engine/filesystems/xfs/log.ts';
import type { XfsSuperblock } from '../../../src-engine/filesystems/xfs/superblock.ts';

const superblock = (changes: Partial<XfsSuperblock> = {}): XfsSuperblock => ({
  features: {
    hasChecksums: true,
    hasFileTypes: true,
    hasMetaUuid: false,
    isCaseInsensitive: false,
    needsRepair: false,
  },
  uuid: Buffer.alloc(16),
  metaUuid: Buffer.alloc(16),
  label: '',
  blockBytes: 4096,
  blockCount: 2500,
  freeBlockCount: 0,
  sectorBytes: 512,
  agBlocks: 1000,
  agCount: 3,
  agBlockBits: 10,
  inodeBytes: 512,
  inodesPerBlock: 8,
  inodesPerBlockBits: 3,
  rootInode: 128,
  directoryBlockBytes: 4096,
  logStart: 1,
  logBlocks: 128,
  ...changes,
});

/** The hashes are those that xfs_db's command `hash` prints. */
test.each([
  ['a', 0x61],
  ['xy', 0x3c79],
  ['xyz', 0x1e3cfa],
  ['lost+found', 0x21aa60c],
  ['héhé', 0x253a6265],
  ['abcdefghijklmnopqrstuvwxyz0123456789', 0x27bba957],
])('the hash of %s', (name, hash) => {
  expect(hashName(Buffer.from(name))).toBe(hash);
});

test('a checksum takes itself for zeros', () => {
  const bytes = Buffer.from('123456789----tail');
  bytes.fill(0, 9, 13);
  const sum = blockChecksum(bytes, 9);
  bytes.fill(0xee, 9, 13);
  expect(blockChecksum(bytes, 9)).toBe(sum);
  bytes[0] ^= 1;
  expect(blockChecksum(bytes, 9)).not.toBe(sum);
});

describe('addresses', () => {
  const sb = superblock();

  test('skip what no group has', () => {
    expect(blockOffset(sb, 'block', 999, 1)).toBe(999 * 4096);
    expect(blockOffset(sb, 'block', 1024, 1)).toBe(1000 * 4096);
    expect(blockOffset(sb, 'block', 2 * 1024 + 499, 1)).toBe(2499 * 4096);
    expect(inodeOffset(sb, (2 * 1024 + 7) * 8 + 3)).toBe(2007 * 4096 + 3 * 512);
  });

  test('the last group is shorter', () => {
    expect([0, 1, 2].map((ag) => agBlockCount(sb, ag))).toEqual([1000, 1000, 500]);
  });

  test.each([
    [1000, 1],
    [999, 2],
    [2 * 1024 + 499, 2],
    [3 * 1024, 1],
    [-1, 1],
    [2 ** 60, 1],
  ])('nothing is at %i, %i blocks long', (address, count) => {
    expect(() => blockOffset(sb, 'block', address, count)).toThrow(/FORMAT_INVALID/);
  });

  test('of more than 32 bits', () => {
    const huge = superblock({ agBlocks: 2 ** 28, agBlockBits: 28, agCount: 100, blockCount: 100 * 2 ** 28 });
    expect(inodeOffset(huge, (99 * 2 ** 28 + 5) * 8 + 1)).toBe((99 * 2 ** 28 + 5) * 4096 + 512);
  });
});

describe('features', () => {
  const version4 = { versionnum: 0x2004, features2: 0, incompat: 0, roCompat: 0 };
  const version5 = { versionnum: 0xb4a5, features2: 0x18a, incompat: 0x3, roCompat: 0x5 };

  test('of version 4 and 5', () => {
    expect(readFeatures(version4)).toMatchObject({ hasChecksums: false, hasFileTypes: false });
    expect(readFeatures({ ...version4, versionnum: 0xa004, features2: 0x200 })).toMatchObject({ hasFileTypes: true });
    // features2 counts only where the version says that it is there
    expect(readFeatures({ ...version4, features2: 0x200 })).toMatchObject({ hasFileTypes: false });
    expect(readFeatures(version5)).toMatchObject({ hasChecksums: true, hasFileTypes: true, needsRepair: false });
  });

  test.each([
    [{ ...version4, versionnum: 0x2003 }, 'xfs version 3'],
    [{ ...version4, versionnum: 0x2006 }, 'xfs version 6'],
    [{ ...version4, versionnum: 0x0004 }, 'xfs directories of version 1'],
    [{ ...version4, versionnum: 0xa004, features2: 0x1000 }, 'xfs features2 0x1000'],
    [{ ...version5, incompat: 0x103 }, 'xfs metadir'],
    [{ ...version5, incompat: 0x80000003 }, 'xfs incompat 0x80000000'],
    [{ ...version5, roCompat: 0x10 }, 'xfs ro_compat 0x10'],
  ])('%o is refused as %s', (raw, feature) => {
    expect(() => readFeatures(raw)).toThrow(new RegExp(`FORMAT_UNSUPPORTED.*"${feature}"`));
  });
});

describe('the log', () => {
  /** Blocks of 512 bytes. */
  const BLOCKS = 1024;
  const START = 4096;

  /** Written in rounds, record after record: a header, then data; every block carries the number of its round. */
  function makeLog(records: { at: number; round: number; blocks: number; isUnmount?: boolean }[]): Buffer {
    const bytes = Buffer.alloc(START + BLOCKS * 512);
    for (const { at, round, blocks, isUnmount } of records) {
      for (let i = 0; i <= blocks; i++) {
        const isOver = at + i >= BLOCKS;
        const block = bytes.subarray(START + ((at + i) % BLOCKS) * 512).subarray(0, 512);
        block.fill(0).writeUInt32BE(isOver ? round + 1 : round, 0);
        if (i === 1) block[9] = isUnmount ? 0x20 : 0x01;
      }
      const header = bytes.subarray(START + at * 512);
      header.writeUInt32BE(0xfeedbabe, 0);
      header.writeUInt32BE(round, 4);
      header.writeUInt32BE(2, 8);
      header.writeUInt32BE(blocks * 512, 12);
      header.writeUInt32BE(round, 16);
      header.writeUInt32BE(at, 20);
      header.writeUInt32BE(1, 40);
      header.writeUInt32BE(32_768, 320);
    }
    return bytes;
  }

  const isClean = (bytes: Buffer) => isLogClean(memorySource(bytes), superblock());
  /** The round before. */
  const older = { at: 0, round: 6, blocks: BLOCKS - 1 };
  const change = { at: 0, round: 7, blocks: 50 };

  test('that nobody has written to', async () => {
    expect(await isClean(makeLog([]))).toBe(true);
  });

  test.each([
    ['in the first round', [{ at: 0, round: 1, blocks: 1, isUnmount: true }], true],
    ['after a change', [older, change, { at: 51, round: 7, blocks: 1, isUnmount: true }], true],
    ['before a change', [older, { at: 0, round: 7, blocks: 1, isUnmount: true }, { ...change, at: 2 }], false],
    ['never', [older, change], false],
    [
      'at the very end',
      [
        { ...older, blocks: BLOCKS - 3 },
        { at: BLOCKS - 2, round: 6, blocks: 1, isUnmount: true },
      ],
      true,
    ],
    ['in the last block and the first', [older, { at: BLOCKS - 1, round: 6, blocks: 1, isUnmount: true }], true],
    ['in stripes of 64 blocks', [older, { at: 0, round: 7, blocks: 63, isUnmount: true }], true],
    [
      'with the round before still behind it',
      [
        { ...older, round: 7 },
        { at: 0, round: 8, blocks: 1, isUnmount: true },
      ],
      true,
    ],
  ])('unmounted %s', async (_, records, expected) => {
    expect(await isClean(makeLog(records))).toBe(expected);
  });

  test('a record that was not written to its end counts for nothing', async () => {
    const unmount = { at: 51, round: 7, blocks: 1, isUnmount: true };
    const torn = { at: 53, round: 7, blocks: 20 };
    const bytes = makeLog([older, change, unmount, torn]);
    // what was not written is of the round before
    for (let block = 60; block <= 73; block++) bytes.writeUInt32BE(6, START + block * 512);
    expect(await isClean(bytes)).toBe(true);
    expect(await isClean(makeLog([older, change, unmount, torn]))).toBe(false);
  });

  test('damaged, it is not believed', async () => {
    const sound = [older, change, { at: 51, round: 7, blocks: 1, isUnmount: true }];
    for (const at of [0, 12, 18, 22, 40, 512 + 9]) {
      const bytes = makeLog(sound);
      bytes[START + 51 * 512 + at] ^= 0xff;
      expect(await isClean(bytes), `byte ${at}`).toBe(false);
    }
  });
});
