import { describe, expect, test } from 'vitest';
import { crc16 } from '../../../src-engine/filesystems/ext/crc16.ts';
import { COMPAT, INCOMPAT, kindOf, refuseStrangers, RO_COMPAT } from '../../../src-engine/filesystems/ext/features.ts';
import {
  descriptorTable,
  fixedBlocks,
  groupBlocks,
  groupOf,
  groupStart,
  hasSuperblock,
} from '../../../src-engine/filesystems/ext/groups.ts';
import type { ExtSuperblock } from '../../../src-engine/filesystems/ext/superblock.ts';

const superblock = (changes: Partial<ExtSuperblock>): ExtSuperblock => ({
  features: { compat: 0, incompat: 0, roCompat: RO_COMPAT.SPARSE_SUPER },
  uuid: Buffer.alloc(16),
  label: '',
  blockBytes: 4096,
  blockCount: 100 * 32_768,
  freeBlockCount: 0,
  inodeCount: 0,
  freeInodeCount: 0,
  firstDataBlock: 0,
  blocksPerGroup: 32_768,
  groupCount: 100,
  blocksPerCluster: 1,
  clustersPerGroup: 32_768,
  inodeBytes: 256,
  inodesPerGroup: 8192,
  inodeTableBlocks: 512,
  descriptorBytes: 64,
  descriptorBlocks: 2,
  firstMetaBlockGroup: 2,
  reservedDescriptorBlocks: 500,
  backupGroups: [0, 0],
  checksumSeed: 0,
  journalInode: 8,
  externalJournal: null,
  isUnmountedCleanly: true,
  hasErrors: false,
  ...changes,
});

const groupsWithSuperblock = (sb: ExtSuperblock) =>
  Array.from({ length: sb.groupCount }, (_, group) => group).filter((group) => hasSuperblock(sb, group));

/** The check value of CRC-16/ARC, whose register begins with 0. */
test('crc16', () => {
  expect(crc16(0, Buffer.from('123456789'))).toBe(0xbb3d);
});

describe('groups', () => {
  test('sparse_super keeps backups in 0, 1 and the powers of 3, 5 and 7', () => {
    expect(groupsWithSuperblock(superblock({}))).toEqual([0, 1, 3, 5, 7, 9, 25, 27, 49, 81]);
  });

  test('sparse_super2 keeps those that it names', () => {
    const features = { compat: COMPAT.SPARSE_SUPER2, incompat: 0, roCompat: RO_COMPAT.SPARSE_SUPER };
    expect(groupsWithSuperblock(superblock({ features, backupGroups: [1, 99] }))).toEqual([0, 1, 99]);
    expect(groupsWithSuperblock(superblock({ features, backupGroups: [0, 0] }))).toEqual([0]);
  });

  test('without sparse_super every group has one', () => {
    const features = { compat: 0, incompat: 0, roCompat: 0 };
    expect(groupsWithSuperblock(superblock({ features, groupCount: 12 }))).toHaveLength(12);
  });

  test('begin after the boot block with blocks of 1 KiB, and the last one may be short', () => {
    const sb = superblock({
      blockBytes: 1024,
      firstDataBlock: 1,
      blocksPerGroup: 8192,
      freeBlockCount: 0,
      inodeCount: 0,
      freeInodeCount: 0,
      blockCount: 20_000,
      groupCount: 3,
    });
    expect([0, 1, 2].map((group) => groupStart(sb, group))).toEqual([1, 8193, 16_385]);
    expect([0, 1, 2].map((group) => groupBlocks(sb, group))).toEqual([8192, 8192, 3615]);
    expect([1, 8192, 8193].map((block) => groupOf(sb, block))).toEqual([0, 0, 1]);
  });

  test('with a superblock begin with it, the descriptors and their reserve', () => {
    expect([0, 1, 2, 3].map((group) => fixedBlocks(superblock({}), group))).toEqual([503, 503, 0, 503]);
  });

  test('descriptors follow the superblock', () => {
    expect(descriptorTable(superblock({ descriptorBlocks: 3, firstMetaBlockGroup: 3 }))).toEqual([1, 2, 3]);
    const small = superblock({ blockBytes: 1024, firstDataBlock: 1, descriptorBlocks: 2, firstMetaBlockGroup: 2 });
    expect(descriptorTable(small)).toEqual([2, 3]);
  });

  test('meta_bg keeps a descriptor block in the first, second and last group of each meta group', () => {
    const sb = superblock({
      features: { compat: 0, incompat: INCOMPAT.META_BG, roCompat: RO_COMPAT.SPARSE_SUPER },
      reservedDescriptorBlocks: 0,
      firstMetaBlockGroup: 0,
      groupCount: 192,
      descriptorBlocks: 3,
    });
    expect(descriptorTable(sb)).toEqual([1, 64 * 32_768, 128 * 32_768]);
    expect([0, 1, 2, 63, 64, 65, 66, 81, 127].map((group) => fixedBlocks(sb, group))).toEqual([
      2, 2, 0, 1, 1, 1, 0, 1, 1,
    ]);
  });

  test('the boot block of a bigalloc file system with blocks of 1 KiB is in its first group', () => {
    const sb = superblock({ blockBytes: 1024, reservedDescriptorBlocks: 0 });
    expect(fixedBlocks(sb, 0)).toBe(4);
    expect(descriptorTable(sb)).toEqual([2, 3]);
  });
});

describe('features', () => {
  const none = { compat: 0, incompat: 0, roCompat: 0 };

  test.each([
    ['ext2', none],
    ['ext2', { ...none, incompat: INCOMPAT.FILETYPE | INCOMPAT.META_BG, roCompat: RO_COMPAT.SPARSE_SUPER }],
    ['ext3', { ...none, compat: COMPAT.HAS_JOURNAL, incompat: INCOMPAT.RECOVER }],
    ['ext4', { ...none, incompat: INCOMPAT.EXTENTS }],
    ['ext4', { ...none, roCompat: RO_COMPAT.GDT_CSUM }],
  ])('%s', (kind, features) => {
    expect(kindOf(features)).toBe(kind);
  });

  test('strangers are refused by name, the lowest first, also the highest bit', () => {
    const refusal = (features: Partial<typeof none>) => () => refuseStrangers({ ...none, ...features });
    const named = (feature: string) => expect.objectContaining({ code: 'FORMAT_UNSUPPORTED', data: { feature } });
    expect(refusal({ incompat: INCOMPAT.JOURNAL_DEV })).toThrow(named('journal_dev'));
    expect(refusal({ compat: COMPAT.LAZY_BG })).toThrow(named('lazy_bg'));
    expect(refusal({ incompat: 0x80000000 })).toThrow(named('ext incompat 0x80000000'));
    expect(refusal({ roCompat: 0x80 | 0x800 })).toThrow(named('ext ro_compat 0x80'));
    expect(refusal({ compat: 0x80000000 })).not.toThrow();
  });
});
