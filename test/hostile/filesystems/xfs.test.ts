/** Hostile XFS: metadata of every kind, mutated with its checksums put right so that the lies reach the reader, and named lies. */
import { beforeAll, describe, expect, test } from 'vitest';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import type { FileNode, FileTree } from '../../../src-engine/filesystems/file-tree.port.ts';
import { hashName } from '../../../src-engine/filesystems/xfs/directory-index.ts';
import { recogniseXfs } from '../../../src-engine/filesystems/xfs/xfs.ts';
import { proves } from '../../support/matrix.ts';
import { claimedVolume, MUTATIONS, readHostile } from './harmless.ts';
import {
  BLOCK,
  extentRecord,
  makeHostile,
  mutatePiece,
  piecesOf,
  repairChecksum,
  type HostileTree,
  type Piece,
} from './xfs-blocks.ts';

const MIB = 1024 * 1024;

/** The kinds, in which file system they are mutated (the smallest that has them), and what must come of some mutation. */
const KINDS: Record<HostileTree, [kind: string, outcome: string][]> = {
  bare: [
    ['superblock', 'FORMAT_INVALID'],
    ['group header', 'FORMAT_INVALID'],
    ['tree of free space', 'FORMAT_INVALID'],
    ['log', 'whole'],
  ],
  small: [
    ['inode', 'used-blocks'],
    ['folder block', 'used-blocks'],
    ['folder data', 'used-blocks'],
    ['link block', 'used-blocks'],
    ['tree of extents', 'used-blocks'],
  ],
  index: [
    ['folder node', 'used-blocks'],
    ['folder leaf', 'used-blocks'],
  ],
};

describe.each([4, 5] as const)('version %i', (version) => {
  describe.each(Object.entries(KINDS))('%s', (tree, kinds) => {
    let bytes: Buffer;
    let pieces: Piece[];
    beforeAll(() => {
      bytes = makeHostile(tree as HostileTree, version);
      pieces = piecesOf(bytes);
    });

    test('is read as it is', async () => {
      expect(await readHostile(memorySource(bytes))).toBe('used-blocks');
    });

    // Blocks of links say nothing of themselves in version 4: there is no structure to change.
    test.for(kinds.filter(([kind]) => version === 5 || kind !== 'link block'))(
      'mutated: %s',
      async ([kind, outcome], context) => {
        const some = pieces.filter((piece) => piece.kind === kind);
        const before = process.memoryUsage().rss;
        const outcomes = new Set<string>();
        // Each version has its half of the mutations of each kind.
        for (let seed = version - 4; seed < MUTATIONS; seed += 2) {
          const piece = some[(seed >> 1) % some.length];
          const sound = Buffer.from(bytes.subarray(piece.start, piece.start + piece.length));
          mutatePiece(bytes, piece, seed);
          if (seed % 8 > 1) repairChecksum(bytes, piece);
          outcomes.add(await readHostile(memorySource(bytes)));
          sound.copy(bytes, piece.start);
        }
        expect(outcomes).toContain(outcome);
        expect(process.memoryUsage().rss - before).toBeLessThan(200 * MIB);
        proves(context, { subject: 'XFS', feature: `version ${version}`, aspect: 'hostile', judge: 'mkfs.xfs' });
      },
    );
  });
});

const signal = new AbortController().signal;

async function namesIn(tree: FileTree, folder: FileNode): Promise<string[]> {
  const names: string[] = [];
  for await (const batch of tree.list(folder, signal)) names.push(...batch.map(({ name }) => name));
  return names;
}

/** A folder or file of the root, and what it is made of. */
interface Found {
  readonly bytes: Buffer;
  readonly node: FileNode;
  readonly tree: FileTree;
  /** its inode */
  readonly inode: Buffer;
  /** its blocks of a kind, or all of the file system */
  blocks(kind: string): Buffer[];
  /** puts all checksums right and opens the files anew */
  reopen(): Promise<FileTree>;
}

describe.each([4, 5] as const)('lies in version %i', (version) => {
  const images = new Map<HostileTree, Buffer>();
  const forkAt = version === 5 ? 176 : 100;
  beforeAll(() => {
    for (const name of ['small', 'index'] as const) images.set(name, makeHostile(name, version));
  });

  const open = async (bytes: Buffer) => await (await recogniseXfs(memorySource(bytes)))!.browse!();

  async function find(image: HostileTree, name: string): Promise<Found> {
    const bytes = Buffer.from(images.get(image)!);
    const pieces = piecesOf(bytes);
    const tree = await open(bytes);
    const node = name === '' ? tree.root : (await tree.find(tree.root, name))!;
    const inodeBytes = bytes.readUInt16BE(104);
    const start = Number(node.id) * inodeBytes;
    return {
      bytes,
      node,
      tree,
      inode: bytes.subarray(start, start + inodeBytes),
      blocks: (kind) =>
        pieces
          .filter((piece) => piece.kind === kind)
          .map((piece) => bytes.subarray(piece.start, piece.start + piece.length)),
      reopen() {
        for (const piece of pieces) repairChecksum(bytes, piece);
        return open(bytes);
      },
    };
  }

  const invalid = { code: 'FORMAT_INVALID' };
  const used = async ({ bytes, reopen }: Found) => {
    await reopen();
    return readHostile(memorySource(bytes));
  };

  test.each([
    ['higher than any', (header: Buffer) => header.writeUInt32BE(255, 28)],
    ['higher than it is', (header: Buffer) => header.writeUInt32BE(9, 28)],
    ['rooted outside its group', (header: Buffer) => header.writeUInt32BE(0xffffffff, 16)],
    ['rooted in a header', (header: Buffer) => header.writeUInt32BE(0, 16)],
  ])('a tree of free space that is %s', async (_, lie) => {
    const found = await find('small', '');
    lie(found.blocks('group header')[0]);
    expect(await used(found)).toBe('FORMAT_INVALID');
  });

  test('a tree of free space whose node is its own child, or names one leaf over and over', async () => {
    const found = await find('small', '');
    const root = found.blocks('tree of free space').find((block) => block.readUInt16BE(4) === 1)!;
    const pointersAt = (version === 5 ? 56 : 16) + Math.floor((BLOCK - (version === 5 ? 56 : 16)) / 12) * 8;
    const own = found.blocks('group header')[0].readUInt32BE(16);
    const leaf = root.readUInt32BE(pointersAt);
    root.writeUInt16BE(70, 6);
    for (const child of [own, leaf]) {
      for (let i = 0; i < 70; i++) root.writeUInt32BE(child, pointersAt + i * 4);
      expect(await used(found)).toBe('FORMAT_INVALID');
    }
  });

  test('free space that is in use by the headers, by the log, twice, or past the end', async () => {
    const recordsAt = version === 5 ? 56 : 16;
    for (const [first, count] of [
      [0, 8],
      [Number(images.get('small')!.readBigUInt64BE(48)) + 5, 2],
      [16_000, 385],
    ]) {
      const found = await find('small', '');
      const leaf = found.blocks('tree of free space').filter((block) => block.readUInt16BE(4) === 0)[0];
      leaf.writeUInt16BE(1, 6);
      leaf.writeUInt32BE(first, recordsAt);
      leaf.writeUInt32BE(count, recordsAt + 4);
      expect(await used(found)).toBe('FORMAT_INVALID');
    }
  });

  test('a file system of eight petabytes in as many groups as there can be', async () => {
    const bytes = Buffer.from(images.get('small')!);
    bytes.writeBigUInt64BE(2n ** 43n - 1n, 8);
    bytes.writeUInt32BE(64, 84);
    bytes.writeUInt32BE(0xffffffff, 88);
    bytes.writeUInt8(6, 124);
    repairChecksum(bytes, piecesOf(bytes)[0]);
    expect(await readHostile(claimedVolume(bytes, 2 ** 53 - 1))).toBe('FORMAT_INVALID');
  });

  test.each([
    [2n ** 63n, 'FORMAT_INVALID'],
    [2n ** 64n - 1n, 'FORMAT_INVALID'],
    [2n ** 63n - 1n, 'FORMAT_UNSUPPORTED'],
  ])('a file of %i bytes', async (size, code) => {
    const { inode, tree, node, reopen } = await find('small', 'file');
    inode.writeBigUInt64BE(size, 56);
    const again = await reopen();
    await expect(again.open(node)).rejects.toMatchObject({ code });
    // It does not hide its folder.
    expect(await namesIn(again, again.root)).toEqual(await namesIn(tree, tree.root));
  });

  test('a file of eight petabytes is mostly a hole', async () => {
    const { inode, node, reopen } = await find('small', 'file');
    inode.writeBigUInt64BE(2n ** 53n - 1n, 56);
    const content = await (await reopen()).open(node);
    const end = Buffer.alloc(100_000, 1);
    await content.readInto(2 ** 53 - 1 - end.length, end);
    expect(end.every((byte) => byte === 0)).toBe(true);
  });

  test.each([
    ['past the end', (record: Buffer) => record.writeUInt32BE(0xffffffff, 8)],
    [
      'across the end of their group',
      (record: Buffer) => record.writeUInt32BE((record.readUInt32BE(12) | 0x1fffff) >>> 0, 12),
    ],
    ['of no length', (record: Buffer) => record.writeUInt32BE((record.readUInt32BE(12) & ~0x1fffff) >>> 0, 12)],
    ['of no place in the file', (record: Buffer) => record.fill(0x7f, 0, 4)],
  ])('extents %s', async (_, lie) => {
    const { inode, node, reopen } = await find('small', 'file');
    lie(inode.subarray(forkAt, forkAt + 16));
    const tree = await reopen();
    const content = await tree.open(node);
    await expect(content.readInto(0, Buffer.alloc(5000))).rejects.toMatchObject(invalid);
    await expect(tree.extents(node, signal)[Symbol.asyncIterator]().next()).rejects.toMatchObject(invalid);
  });

  const readAll = async (tree: FileTree, file: FileNode) => {
    const content = await tree.open(file);
    await content.readInto(0, Buffer.alloc(content.lengthBytes));
  };

  test.each([255, 13, 12, 3, 1, 0])('a tree of extents of %i levels', async (level) => {
    const { inode, node, reopen } = await find('small', 'fragmented');
    inode.writeUInt16BE(level, forkAt);
    await expect(readAll(await reopen(), node)).rejects.toMatchObject(invalid);
  });

  test('a tree of extents whose node is its own child, or names one leaf over and over', async () => {
    const found = await find('small', 'fragmented');
    const node = found.blocks('tree of extents').find((block) => block.readUInt16BE(4) === 1)!;
    const headerBytes = version === 5 ? 72 : 24;
    const capacity = Math.floor((BLOCK - headerBytes) / 16);
    const pointersAt = headerBytes + capacity * 8;
    const own = Number(
      found.inode.readBigUInt64BE(forkAt + 4 + Math.floor((found.inode.length - forkAt - 4) / 16) * 8),
    );
    node.writeUInt16BE(capacity, 6);
    for (const child of [own, Number(node.readBigUInt64BE(pointersAt))]) {
      for (let i = 0; i < capacity; i++) node.writeBigUInt64BE(BigInt(child), pointersAt + i * 8);
      const tree = await found.reopen();
      await expect(readAll(tree, found.node)).rejects.toMatchObject(invalid);
    }
  });

  test('a folder that is one block over and over', async () => {
    const { inode, node, reopen } = await find('small', 'leaf');
    const block = Number((inode.readBigUInt64BE(forkAt + 8) >> 21n) & 0xffffffffn);
    const records = Math.floor((inode.length - forkAt) / 16);
    for (let i = 0; i < records; i++) extentRecord(i * 4, block, 4).copy(inode, forkAt + i * 16);
    inode.writeUInt32BE(records, 76);
    await expect(namesIn(await reopen(), node)).rejects.toMatchObject(invalid);
  });

  test('a folder whose blocks are cut in two', async () => {
    const { inode, node, reopen } = await find('small', 'leaf');
    inode.writeUInt32BE(inode.readUInt32BE(forkAt + 12) - 1, forkAt + 12);
    await expect(namesIn(await reopen(), node)).rejects.toMatchObject(invalid);
  });

  const dataAt = version === 5 ? 64 : 16;
  test.each([
    ['free space of no length', (block: Buffer) => block.writeUInt32BE(0xffff0000, dataAt)],
    ['free space of odd length', (block: Buffer) => block.writeUInt32BE(0xffff0009, dataAt)],
    ['free space past the block', (block: Buffer) => block.writeUInt32BE(0xfffffff8, dataAt)],
    ['a name of no length', (block: Buffer) => block.writeUInt8(0, dataAt + 8)],
    ['a name past its entry', (block: Buffer) => block.writeUInt8(255, dataAt + 8)],
    ['more entries in its index than fit', (block: Buffer) => block.writeUInt32BE(0xffffffff, block.length - 8)],
  ])('a folder with %s', async (_, lie) => {
    const { node, reopen, blocks } = await find('small', 'one-block');
    blocks('folder block').forEach(lie);
    await expect(namesIn(await reopen(), node)).rejects.toMatchObject(invalid);
  });

  test('a folder with a file outside the file system', async () => {
    const { node, reopen, blocks } = await find('small', 'one-block');
    // the first entries are '.' and '..', of 16 bytes each
    blocks('folder block')[0].fill(0xff, dataAt + 33, dataAt + 40);
    const tree = await reopen();
    const stranger = (await tree.find(node, '0'.repeat(80)))!;
    expect(stranger).toMatchObject({ kind: 'file', lengthBytes: 0, mode: null });
    await expect(tree.open(stranger)).rejects.toMatchObject(invalid);
    expect(await namesIn(tree, node)).toHaveLength(5);
  });

  test('a folder in its inode with more entries, or longer names, than fit', async () => {
    for (const at of [0, 6]) {
      const { inode, reopen } = await find('small', '');
      inode.writeUInt8(255, forkAt + at);
      const tree = await reopen();
      await expect(namesIn(tree, tree.root)).rejects.toMatchObject(invalid);
    }
  });

  const [countAt, indexAt] = version === 5 ? [56, 64] : [12, 16];
  const name = '7-'.padEnd(250, 'x');

  test('an index whose node is its own child', async () => {
    const { node, reopen, blocks } = await find('index', 'node');
    const [root] = blocks('folder node');
    for (let i = 0; i < root.readUInt16BE(countAt); i++) root.writeUInt32BE(2 ** 35 / BLOCK, indexAt + i * 8 + 4);
    await expect((await reopen()).find(node, name)).rejects.toMatchObject(invalid);
  });

  test('an index whose leaf comes after itself, full of the hash that is looked for', async () => {
    const { node, reopen, blocks } = await find('index', 'node');
    const hash = hashName(Buffer.from(name));
    const [root] = blocks('folder node');
    for (let i = 0; i < root.readUInt16BE(countAt); i++) root.writeUInt32BE(hash, indexAt + i * 8);
    for (const leaf of blocks('folder leaf')) {
      leaf.writeUInt32BE(root.readUInt32BE(indexAt + 4), 0);
      for (let i = 0; i < leaf.readUInt16BE(countAt); i++) {
        leaf.writeUInt32BE(hash, indexAt + i * 8);
        leaf.writeUInt32BE(0, indexAt + i * 8 + 4);
      }
    }
    await expect((await reopen()).find(node, name)).rejects.toMatchObject(invalid);
  });

  test.each([
    ['short', 2n ** 40n],
    ['short', 1000n],
    ['short', 0n],
    ['remote', 2n ** 40n],
    ['remote', 1024n],
  ])('a %s link of %i bytes', async (link, size) => {
    const { inode, node, reopen } = await find('small', link);
    inode.writeBigUInt64BE(size, 56);
    const tree = await reopen();
    if (link === 'remote' && size === 1024n && version === 4) {
      expect((await tree.readLink(node)).length).toBe(1024);
    } else {
      await expect(tree.readLink(node)).rejects.toMatchObject(invalid);
    }
  });

  test('everything that is treated as something else', async () => {
    const tree = await open(images.get('small')!);
    const file = (await tree.find(tree.root, 'file'))!;
    await expect(namesIn(tree, file)).rejects.toMatchObject(invalid);
    await expect(tree.find(file, 'x')).rejects.toMatchObject(invalid);
    await expect(tree.open(tree.root)).rejects.toMatchObject(invalid);
    for (const id of ['0', '-1', 'x', '1e300', '99999999999', '64']) {
      await expect(tree.open({ ...file, id })).rejects.toMatchObject(invalid);
    }
  });
});
