/** Hostile ext file systems: mutated metadata, with checksums put right again so that the lies reach the reader, and named lies. */
import { beforeAll, describe, expect, test } from 'vitest';
import { crc32c } from '../../../src-engine/core/crc32c.ts';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import { descriptorChecksum } from '../../../src-engine/filesystems/ext/checksums.ts';
import { readSuperblock } from '../../../src-engine/filesystems/ext/superblock.ts';
import { claimedVolume, madeBy, mutate, MUTATIONS, readHostile, restoring, type Region } from './harmless.ts';

const MIB = 1024 * 1024;
const LENGTH = 6 * MIB;
/** Seeds for each of six file systems, with and without right checksums. */
const SEEDS = Math.ceil(MUTATIONS / 12);

const BASES: Record<string, string[]> = {
  ext2: ['-t', 'ext2', '-b', '1024', '-g', '1024'],
  'ext4 with all checksums': ['-b', '1024', '-g', '1024'],
  'ext4 without checksums': ['-b', '1024', '-g', '512', '-O', '^metadata_csum'],
  'ext4 with uninit_bg': ['-b', '1024', '-g', '1024', '-O', '^metadata_csum,uninit_bg'],
  'ext4 with bigalloc': ['-b', '1024', '-g', '2048', '-C', '4096', '-O', 'bigalloc,^metadata_csum'],
  'ext4 with meta_bg': ['-b', '1024', '-g', '256', '-O', 'meta_bg,^resize_inode,^metadata_csum'],
};

/** Puts the checksums of superblock and descriptors right, where what is left of the superblock tells where they are. */
async function repairChecksums(bytes: Buffer): Promise<void> {
  bytes.writeUInt32LE(crc32c(0xffffffff, bytes.subarray(1024, 1024 + 0x3fc)), 1024 + 0x3fc);
  const sb = await readSuperblock(memorySource(bytes)).catch(() => null);
  if (!sb || sb.blockBytes !== 1024 || sb.groupCount > 64) return;
  for (let group = 0; group < sb.groupCount; group++) {
    const at = 2048 + group * sb.descriptorBytes;
    const descriptor = bytes.subarray(at, at + sb.descriptorBytes);
    descriptor.writeUInt16LE(descriptorChecksum(sb, group, descriptor), 0x1e);
  }
}

describe.each(Object.entries(BASES))('%s', (_, args) => {
  let base: Buffer;
  beforeAll(() => {
    base = madeBy('mkfs.ext4', ['-q', '-F', ...args], LENGTH);
  });

  test('is read as it is', async () => {
    expect(await readHostile(memorySource(base))).toBe('used-blocks');
  });

  test.each([
    ['superblock', true, [[1024, 1024]]],
    ['descriptors', true, [[2048, 1024]]],
    ['everything in front', false, [[0, 64 * 1024]]],
  ] as [string, boolean, Region[]][])('mutated: %s', async (_region, isFatal, regions) => {
    const before = process.memoryUsage().rss;
    const outcomes = new Set<string>();
    for (let seed = 0; seed < SEEDS; seed++) {
      for (const isRepaired of [false, true]) {
        // the checksums stand in front, too
        await restoring(base, [[0, 96 * 1024]], async () => {
          mutate(base, regions, seed);
          if (isRepaired) await repairChecksums(base);
          outcomes.add(await readHostile(memorySource(base)));
        });
      }
    }
    if (isFatal) expect(outcomes).toContain('FORMAT_INVALID');
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * MIB);
  });

  test('cut off anywhere', async () => {
    for (let length = 0; length < 8192; length += 511) {
      expect(['null', 'whole', 'FORMAT_INVALID']).toContain(await readHostile(memorySource(base.subarray(0, length))));
    }
  });
});

describe('a journal to recover', () => {
  const JOURNAL = 2049 * 1024;
  /** the inode of the journal, the eighth of the first table */
  let inode: number;
  let base: Buffer;
  beforeAll(() => {
    const args = ['-q', '-F', '-b', '1024', '-g', '1024', '-O', '^metadata_csum'];
    // Copies of what is read through the journal: superblock, descriptors, the bitmap of the first group; and some that are revoked.
    const script = [
      'jo',
      ...[1, 2, 259].map((block) => `jw -b ${block} /dev/zero`),
      'jw -r 1,2,259,3000',
      'jw -b 3000 /dev/zero',
      'jc',
    ];
    base = madeBy('mkfs.ext4', args, LENGTH, script.join('\n'));
    expect(base.readUInt32BE(JOURNAL)).toBe(0xc03b3998);
    expect(base.readUInt32BE(JOURNAL + 1024)).toBe(0xc03b3998);
    inode = base.readUInt32LE(2048 + 8) * 1024 + 7 * 256;
    expect(base.readUInt32LE(inode + 4)).toBe(1024 * 1024);
  });

  test('is read as it is', async () => {
    expect(await readHostile(memorySource(base))).toBe('used-blocks');
  });

  test.each([
    ['its superblock', () => [[JOURNAL, 256]]],
    ['its log', () => [[JOURNAL + 1024, 16 * 1024]]],
    ['its inode', () => [[inode, 128]]],
    [
      'all of it',
      () => [
        [JOURNAL, 64],
        [JOURNAL + 1024, 8192],
        [inode, 128],
        [1024, 1024],
        [2048, 512],
      ],
    ],
  ] as [string, () => Region[]][])('mutated: %s', async (_, regions) => {
    const before = process.memoryUsage().rss;
    const outcomes = new Set<string>();
    for (let seed = 0; seed < 3 * SEEDS; seed++) {
      await restoring(base, regions(), async () => {
        mutate(base, regions(), seed);
        outcomes.add(await readHostile(memorySource(base)));
      });
    }
    expect(outcomes).toContain('whole');
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * MIB);
  });

  test('that goes in circles ends', async () => {
    const bytes = Buffer.from(base);
    // An extent tree whose inner node is its own child.
    const iBlock = bytes.subarray(inode + 0x28, inode + 0x64).fill(0);
    const node = bytes.subarray(3000 * 1024, 3001 * 1024).fill(0);
    for (const [bytesOfNode, entries] of [
      [iBlock, 4],
      [node, 84],
    ] as const) {
      bytesOfNode.writeUInt16LE(0xf30a, 0);
      bytesOfNode.writeUInt16LE(entries, 2);
      bytesOfNode.writeUInt16LE(5, 6);
      for (let entry = 1; entry <= entries; entry++) bytesOfNode.writeUInt32LE(3000, entry * 12 + 4);
    }
    expect(await readHostile(memorySource(bytes))).toBe('whole');
  });

  test('whose log is nothing but revoked blocks', async () => {
    const bytes = Buffer.from(base);
    const sequence = bytes.readUInt32BE(JOURNAL + 0x18);
    for (let block = 1; block < 1024; block++) {
      const at = JOURNAL + block * 1024;
      bytes.writeUInt32BE(0xc03b3998, at);
      bytes.writeUInt32BE(5, at + 4);
      bytes.writeUInt32BE(sequence, at + 8);
      bytes.writeUInt32BE(1024, at + 12);
    }
    expect(await readHostile(memorySource(bytes))).toBe('used-blocks');
  });
});

describe('named lies', () => {
  let base: Buffer;
  beforeAll(() => {
    base = madeBy('mkfs.ext4', ['-q', '-F', '-b', '1024', '-g', '1024', '-O', '^metadata_csum'], LENGTH);
  });
  const PETABYTES = 8 * 1024 ** 5;

  test.each<[string, (sb: Buffer) => void, string]>([
    [
      'blocks that would need gigabytes of descriptors',
      (sb) => void (sb.writeUInt32LE(0xffff, 0x150), sb.writeUInt32LE(1, 0x04)),
      'FORMAT_INVALID',
    ],
    ['more blocks than a number can count', (sb) => void sb.writeUInt32LE(0xffffffff, 0x150), 'FORMAT_INVALID'],
    ['no blocks', (sb) => void sb.writeUInt32LE(0, 0x04), 'FORMAT_INVALID'],
    ['blocks of 2^210 bytes', (sb) => void sb.writeUInt32LE(200, 0x18), 'FORMAT_INVALID'],
    ['no blocks in a group', (sb) => void sb.writeUInt32LE(0, 0x20), 'FORMAT_INVALID'],
    ['more blocks in a group than its bitmap has bits', (sb) => void sb.writeUInt32LE(8200, 0x20), 'FORMAT_INVALID'],
    ['groups that are no whole bytes of bitmap', (sb) => void sb.writeUInt32LE(1023, 0x20), 'FORMAT_INVALID'],
    ['no inodes in a group', (sb) => void sb.writeUInt32LE(0, 0x28), 'FORMAT_INVALID'],
    ['inode tables larger than groups', (sb) => void sb.writeUInt32LE(8192, 0x28), 'FORMAT_INVALID'],
    ['inodes of 3 bytes', (sb) => void sb.writeUInt16LE(3, 0x58), 'FORMAT_INVALID'],
    ['descriptors of 3 bytes', (sb) => void sb.writeUInt16LE(3, 0xfe), 'FORMAT_INVALID'],
    ['descriptors of 64 KiB', (sb) => void sb.writeUInt16LE(0x8000, 0xfe), 'FORMAT_INVALID'],
    ['a first block behind the end', (sb) => void sb.writeUInt32LE(0xfffffff0, 0x14), 'FORMAT_INVALID'],
    ['a reserve of descriptors without end', (sb) => void sb.writeUInt16LE(0xffff, 0xce), 'FORMAT_INVALID'],
    ['a backup that stands first', (sb) => void sb.writeUInt16LE(3, 0x5a), 'FORMAT_INVALID'],
    ['an unknown feature', (sb) => void sb.writeUInt32LE(0x80000000, 0x60), 'FORMAT_UNSUPPORTED'],
    ['an unknown read-only feature', (sb) => void sb.writeUInt32LE(0x80000000, 0x64), 'FORMAT_UNSUPPORTED'],
    [
      'clusters of 2^200 bytes',
      (sb) => void (sb.writeUInt32LE(0x200, 0x64), sb.writeUInt32LE(190, 0x1c)),
      'FORMAT_INVALID',
    ],
    ['both kinds of checksums', (sb) => void sb.writeUInt32LE(0x410, 0x64), 'FORMAT_INVALID'],
  ])('%s', async (_, lie, outcome) => {
    const bytes = Buffer.from(base);
    lie(bytes.subarray(1024, 2048));
    expect(await readHostile(claimedVolume(bytes, PETABYTES))).toBe(outcome);
    expect(await readHostile(memorySource(bytes))).toBe(outcome);
  });

  test.each([
    ['a block bitmap', 0x00],
    ['an inode bitmap', 0x04],
    ['an inode table', 0x08],
  ])('%s behind the end', async (_, field) => {
    const bytes = Buffer.from(base);
    bytes.writeUInt32LE(LENGTH / 1024, 2048 + field);
    expect(await readHostile(claimedVolume(bytes, PETABYTES))).toBe('FORMAT_INVALID');
  });

  test('metadata of every group inside groups that say that nothing is in them', async () => {
    // uninit_bg with 262,144 groups: 16 MiB of descriptors that all point at group 1.
    const groups = 262_144;
    const bytes = Buffer.alloc(32 * MIB);
    base.copy(bytes, 0, 0, 4096);
    const s = bytes.subarray(1024, 2048);
    s.writeUInt32LE(1 + groups * 1024, 0x04);
    s.writeUInt32LE(16, 0x28);
    s.writeUInt32LE(groups * 16, 0x00);
    s.writeUInt32LE(s.readUInt32LE(0x64) | 0x10, 0x64);
    const sb = (await readSuperblock(claimedVolume(bytes, PETABYTES)))!;
    for (let group = 0; group < groups; group++) {
      const at = 2048 + group * sb.descriptorBytes;
      const descriptor = bytes.subarray(at, at + sb.descriptorBytes).fill(0);
      [1200, 1201, 1202].forEach((block, field) => descriptor.writeUInt32LE(block, field * 4));
      descriptor.writeUInt16LE(2, 0x12);
      descriptor.writeUInt16LE(descriptorChecksum(sb, group, descriptor), 0x1e);
    }
    expect(await readHostile(claimedVolume(bytes, PETABYTES))).toBe('FORMAT_INVALID');
  });
});
