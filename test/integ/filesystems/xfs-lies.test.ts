/** XFS whose trees of free space, headers and superblock contradict each other, with every checksum right (xfs_db writes it): taken whole. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { blockChecksum } from '../../../src-engine/filesystems/xfs/checksum.ts';
import { MIB, noise, readTaken, run, scratchFolder } from './images.ts';
import { askXfsDb, makeXfs, prototypeOf } from './xfs-images.ts';
import { unmount } from '../../support/unmount.ts';

const folder = scratchFolder();

/** Of group 0: AGF, AGFL, and the roots of the trees, each a block of 4 KiB; where they keep their checksum. */
interface Group {
  readonly agf: Buffer;
  readonly agfl: Buffer;
  readonly byBlock: Buffer;
  readonly byLength: Buffer;
  readonly sb: Buffer;
}

const FREE_BLOCKS = 52;
/** The record of the last free run, which is the longest one, too: the second of two. */
const LAST = 56 + 8;
const COUNT = LAST + 4;
/** Makes the last free run longer than it is, backwards: `blocks` of what stands before it. */
const longer = (tree: Buffer, blocks: number, at = LAST) => {
  tree.writeUInt32BE(tree.readUInt32BE(at) - blocks, at);
  tree.writeUInt32BE(tree.readUInt32BE(at + 4) + blocks, at + 4);
};
const add = (bytes: Buffer, at: number, change: number) => bytes.writeUInt32BE(bytes.readUInt32BE(at) + change, at);

const LIES: Record<string, { change: (group: Group) => void; field: string }> = {
  'more blocks free in the tree by block than in the header': {
    change: ({ byBlock }) => longer(byBlock, 10),
    field: 'agf_freeblks',
  },
  'more in the tree by block and the header, not by length': {
    change({ byBlock, agf }) {
      longer(byBlock, 10);
      add(agf, FREE_BLOCKS, 10);
      agf.writeUInt32BE(byBlock.readUInt32BE(COUNT), 56);
    },
    field: 'cntbt',
  },
  'more in both trees and the header, not in the superblock': {
    change({ byBlock, byLength, agf }) {
      longer(byBlock, 10);
      longer(byLength, 10);
      add(agf, FREE_BLOCKS, 10);
      agf.writeUInt32BE(byBlock.readUInt32BE(COUNT), 56);
    },
    field: 'sb_fdblocks',
  },
  'a longest run that there is not': { change: ({ agf }) => add(agf, 56, 1), field: 'agf_longest' },
  'a free list with one block more than its ends tell': { change: ({ agf }) => add(agf, 48, 1), field: 'agf_fllast' },
  'a block of the free list that is free, too': {
    change: ({ agfl, agf, byBlock }) => agfl.writeUInt32BE(byBlock.readUInt32BE(LAST), 36 + 4 * agf.readUInt32BE(40)),
    field: 'ar_startblock',
  },
  'fewer free blocks in the superblock': { change: ({ sb }) => add(sb, 148, -1), field: 'sb_fdblocks' },
};

let base: Buffer;
let withOwners: Buffer;
beforeAll(() => {
  const tree = join(folder, 'tree');
  run('mkdir', ['-p', tree]);
  writeFileSync(join(tree, 'file'), noise('file', 9 * MIB));
  const prototype = join(folder, 'prototype');
  writeFileSync(prototype, prototypeOf(tree));
  base = readFileSync(makeXfs(join(folder, 'base'), 64 * MIB, ['-d', 'agcount=2', '-p', prototype]));
  const owners = ['-d', 'agcount=2', '-m', 'rmapbt=1,crc=1', '-p', prototype];
  withOwners = readFileSync(makeXfs(join(folder, 'owners'), 64 * MIB, owners));
});

/** Changes group 0 and puts checksums right. @returns the image */
function lieOf(change: (group: Group) => void, of = base): string {
  const image = join(folder, 'lie');
  const bytes = Buffer.from(of);
  const sectorBytes = bytes.readUInt16BE(102);
  const block = (number: number) => bytes.subarray(number * 4096, (number + 1) * 4096);
  const sector = (number: number) => bytes.subarray(number * sectorBytes, (number + 1) * sectorBytes);
  const agf = sector(1);
  const group = {
    sb: sector(0),
    agf,
    agfl: sector(3),
    byBlock: block(agf.readUInt32BE(16)),
    byLength: block(agf.readUInt32BE(20)),
  };
  expect([group.byBlock.readUInt16BE(6), group.byLength.readUInt16BE(6)]).toEqual([2, 2]);
  expect(group.byBlock.subarray(LAST, LAST + 8)).toEqual(group.byLength.subarray(LAST, LAST + 8));
  change(group);
  for (const [part, at] of [
    [group.sb, 224],
    [group.agf, 216],
    [group.agfl, 32],
    [group.byBlock, 52],
    [group.byLength, 52],
  ] as const) {
    part.writeUInt32LE(blockChecksum(part, at), at);
  }
  writeFileSync(image, bytes);
  return image;
}

describe('contradictions', () => {
  test('none in the image as it is made', async () => {
    expect((await readTaken(lieOf(() => {}))).refusal).toBeNull();
  });

  test.for(Object.entries(LIES))('%s', async ([_, { change, field }]) => {
    const image = lieOf(change);
    const { refusal } = await readTaken(image);
    expect(refusal).toMatchObject({ code: 'FORMAT_INVALID', data: { field } });
    // xfs_db finds the checksums right, and xfs_repair something to do
    expect(askXfsDb(image, 'agf 0', 'crc')).toContain('correct');
    expect(() => run('xfs_repair', ['-n', '-f', image])).toThrow();
  });

  test('blocks of somebody that all of them call free: the tree of owners knows', async () => {
    const everywhere = ({ byBlock, byLength, agf, sb }: Group) => {
      longer(byBlock, 10);
      longer(byLength, 10);
      add(agf, FREE_BLOCKS, 10);
      agf.writeUInt32BE(byBlock.readUInt32BE(COUNT), 56);
      add(sb, 148, 10);
    };
    expect((await readTaken(lieOf(() => {}, withOwners))).refusal).toBeNull();
    const image = lieOf(everywhere, withOwners);
    expect((await readTaken(image)).refusal).toMatchObject({
      code: 'FORMAT_INVALID',
      data: { field: 'rm_startblock' },
    });
    expect(() => run('xfs_repair', ['-n', '-f', image])).toThrow();
  });

  /** Needs a kernel that shares blocks. */
  describe.skipIf(process.getuid?.() !== 0)('blocks of several files that all trees of free space call free', () => {
    let shared: Buffer;
    beforeAll(() => {
      const image = makeXfs(join(folder, 'shared'), 64 * MIB, ['-d', 'agcount=2', '-m', 'reflink=1,rmapbt=0']);
      const point = join(folder, 'shared mounted');
      run('mkdir', ['-p', point]);
      run('mount', ['-o', 'loop', image, point]);
      try {
        for (let i = 0; i < 3; i++) {
          writeFileSync(join(point, `file ${i}`), noise(`shared ${i}`, MIB));
          run('sync', ['-f', point]);
          run('cp', ['--reflink=always', join(point, `file ${i}`), join(point, `copy ${i}`)]);
        }
      } finally {
        unmount(point);
      }
      shared = readFileSync(image);
    });

    const refcountOf = (bytes: Buffer) => {
      const group = [0, 1].find((ag) => tree(bytes, ag).readUInt16BE(6) > 0)!;
      return { group, leaf: tree(bytes, group) };
    };
    const groupBytes = (bytes: Buffer) => bytes.readUInt32BE(84) * 4096;
    const agfOf = (bytes: Buffer, ag: number) => bytes.subarray(ag * groupBytes(bytes) + bytes.readUInt16BE(102));
    function tree(bytes: Buffer, ag: number): Buffer {
      const start = ag * groupBytes(bytes) + agfOf(bytes, ag).readUInt32BE(88) * 4096;
      return bytes.subarray(start, start + 4096);
    }

    test('none in the image as the kernel leaves it', async () => {
      const image = join(folder, 'shared');
      expect((await readTaken(image)).refusal).toBeNull();
      expect(askXfsDb(image, `agf ${refcountOf(shared).group}`, 'addr refcntroot', 'p')).toContain('recs[');
    });

    test.each([
      ['shared ones', 0],
      ['those set aside for copies', 2 ** 31],
    ])('%s', async (_, flag) => {
      const bytes = Buffer.from(shared);
      const { group, leaf } = refcountOf(bytes);
      const free = bytes.subarray(group * groupBytes(bytes) + agfOf(bytes, group).readUInt32BE(16) * 4096);
      // the last free run is the longest: the last shared run moves into it
      const run0 = free.readUInt32BE(56 + 8 * (free.readUInt16BE(6) - 1));
      const last = 56 + 12 * (leaf.readUInt16BE(6) - 1);
      leaf.writeUInt32BE(run0 + 20 + flag, last);
      if (flag > 0) leaf.writeUInt32BE(1, last + 8);
      leaf.writeUInt32LE(blockChecksum(leaf, 52), 52);
      const image = join(folder, 'shared lie');
      writeFileSync(image, bytes);
      expect((await readTaken(image)).refusal).toMatchObject({
        code: 'FORMAT_INVALID',
        data: { field: 'rc_startblock' },
      });
      expect(askXfsDb(image, `agf ${group}`, 'addr refcntroot', 'crc')).toContain('correct');
      expect(() => run('xfs_repair', ['-n', '-f', image])).toThrow();
    });
  });

  test.for<[string, number, string]>([
    ['length', 8, 'sb_dblocks'],
    ['number of groups', 84, 'sb_agcount'],
    ['size of groups', 80, 'sb_agblocks'],
    ['mark', 0, 'sb_magicnum'],
  ])('a copy of the superblock with another %s', async ([_, at, field]) => {
    const bytes = Buffer.from(base);
    const copy = bytes.subarray(bytes.length / 2, bytes.length / 2 + bytes.readUInt16BE(102));
    copy.writeUInt32BE(copy.readUInt32BE(at + 4) + 1, at + 4);
    if (field === 'sb_magicnum') copy[0] ^= 1;
    copy.writeUInt32LE(blockChecksum(copy, 224), 224);
    const image = join(folder, 'copy');
    writeFileSync(image, bytes);
    expect((await readTaken(image)).refusal).toMatchObject({ code: 'FORMAT_INVALID', data: { field, group: 1 } });
    expect(() => run('xfs_repair', ['-n', '-f', image])).toThrow();
  });
});
