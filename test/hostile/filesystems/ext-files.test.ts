/** Hostile files of ext: mutated inodes, maps and folders, with checksums put right again, and named lies. */
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { crc32c } from '../../../src-engine/core/crc32c.ts';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import { descriptorOf, readDescriptorTable } from '../../../src-engine/filesystems/ext/descriptors.ts';
import { recogniseExt } from '../../../src-engine/filesystems/ext/ext.ts';
import { inodeChecksum, inodeSeed } from '../../../src-engine/filesystems/ext/inode-checksums.ts';
import { mapOfInode } from '../../../src-engine/filesystems/ext/inode-map.ts';
import { readInode, type ExtVolume } from '../../../src-engine/filesystems/ext/inodes.ts';
import { readSuperblock } from '../../../src-engine/filesystems/ext/superblock.ts';
import { noise } from '../../support/disks.ts';
import { proves } from '../../support/matrix.ts';
import { examineHostile, mutate, MUTATIONS, restoring, type Region } from './harmless.ts';

const MIB = 1024 * 1024;
const KIB = 1024;
const LENGTH = 6 * MIB;

/** A small file system with folders of all kinds, a fragmented file, links, by mke2fs; hash trees by e2fsck. */
function made(args: string[]): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'diskpress-hostile-'));
  const run = (tool: string, ...options: string[]) => {
    const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin`, LC_ALL: 'C' };
    execFileSync(tool, options, { stdio: ['ignore', 'ignore', 'pipe'], env });
  };
  try {
    const root = join(folder, 'root');
    mkdirSync(join(root, 'indexed'), { recursive: true });
    mkdirSync(join(root, 'linear'));
    for (let i = 0; i < 40; i++) writeFileSync(join(root, 'indexed', `${i} takes some room`.padEnd(100, 'x')), '');
    for (let i = 0; i < 5; i++) writeFileSync(join(root, 'linear', `file ${i}`), noise(`${i}`, i * 30));
    const file = openSync(join(root, 'fragmented'), 'w');
    for (let i = 0; i < 400; i++) writeSync(file, noise(`piece ${i}`, 100), 0, 100, i * 8 * KIB);
    closeSync(file);
    symlinkSync('linear/file 1', join(root, 'fast'));
    symlinkSync('x'.repeat(300), join(root, 'slow'));
    const image = join(folder, 'image');
    writeFileSync(image, '');
    truncateSync(image, LENGTH);
    run('mkfs.ext4', '-q', '-F', '-b', '1024', '-N', '256', ...args, '-d', root, image);
    run('sh', '-c', 'e2fsck -fyD "$1" || test $? = 1', 'sh', image);
    return readFileSync(image);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** An image with the places of what can be mutated in it, and the way to put its checksums right. */
class Subject {
  readonly bytes: Buffer;
  fs!: ExtVolume;
  readonly places = new Map<string, { inode: number; at: number; nodes: number[]; blocks: number[] }>();

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  async explore(): Promise<void> {
    const view = memorySource(this.bytes);
    const sb = (await readSuperblock(view))!;
    this.fs = { view, sb, table: await readDescriptorTable(view, sb) };
    const tree = await (await recogniseExt(view))!.browse!();
    for (const path of ['', 'indexed', 'linear', 'fragmented', 'fast', 'slow', 'linear/file 4']) {
      let node = tree.root;
      for (const name of path.split('/').filter(Boolean)) node = (await tree.find(node, name))!;
      const inode = Number(node.id);
      const parsed = await readInode(this.fs, inode);
      const nodes: number[] = [];
      const blocks: number[] = [];
      if (path !== 'fast' && (parsed.flags & 0x10000000) === 0) {
        for await (const part of mapOfInode(this.fs, parsed)) {
          if (part.block !== null) nodes.push(part.block);
          for (const run of part.runs) for (let i = 0; i < run.count; i++) blocks.push(run.start + i);
        }
      }
      this.places.set(path, { inode, at: this.inodeAt(inode), nodes, blocks });
    }
  }

  inodeAt(inode: number): number {
    const { sb, table } = this.fs;
    const group = Math.floor((inode - 1) / sb.inodesPerGroup);
    const index = (inode - 1) % sb.inodesPerGroup;
    return descriptorOf(sb, table, group).inodeTable * sb.blockBytes + index * sb.inodeBytes;
  }

  place(path: string) {
    return this.places.get(path)!;
  }

  inode(path: string): Buffer {
    const { at } = this.place(path);
    return this.bytes.subarray(at, at + this.fs.sb.inodeBytes);
  }

  block(number: number): Buffer {
    return this.bytes.subarray(number * KIB, (number + 1) * KIB);
  }

  inodes = (): Region[] => [...this.places.values()].map(({ at }) => [at, this.fs.sb.inodeBytes]);
  maps = (): Region[] => this.place('fragmented').nodes.map((block) => [block * KIB, KIB]);
  folders = (): Region[] =>
    ['', 'indexed', 'linear'].flatMap((path) => this.place(path).blocks.map((block) => [block * KIB, KIB] as const));

  /** Puts the checksums of the known inodes, of their maps and folders right, as far as there is room for them. */
  seal(): void {
    for (const { inode, at, nodes, blocks } of this.places.values()) {
      const bytes = this.bytes.subarray(at, at + this.fs.sb.inodeBytes);
      const seed = inodeSeed(this.fs.sb, inode, bytes.readUInt32LE(0x64));
      const isWide = bytes.length > 128 && bytes.readUInt16LE(0x80) >= 4;
      const sum = inodeChecksum(seed, bytes, isWide);
      bytes.writeUInt16LE(sum & 0xffff, 0x7c);
      if (isWide) bytes.writeUInt16LE(sum >>> 16, 0x82);
      for (const block of nodes) this.sealNode(seed, this.block(block));
      const isFolder = bytes.readUInt16LE(0) >>> 12 === 4;
      if (isFolder)
        blocks.forEach((block, i) =>
          this.sealFolder(seed, this.block(block), i === 0 && (bytes.readUInt32LE(0x20) & 0x1000) !== 0),
        );
    }
  }

  private sealNode(seed: number, block: Buffer): void {
    const tailAt = 12 + block.readUInt16LE(4) * 12;
    if (tailAt + 4 <= block.length) block.writeUInt32LE(crc32c(seed, block.subarray(0, tailAt)), tailAt);
  }

  private sealFolder(seed: number, block: Buffer, isRoot: boolean): void {
    if (!isRoot && block.readUInt16LE(4) !== block.length) {
      block.writeUInt32LE(crc32c(seed, block.subarray(0, -12)), block.length - 4);
      return;
    }
    const countsAt = isRoot ? 32 : 8;
    const tailAt = countsAt + block.readUInt16LE(countsAt) * 8;
    const end = countsAt + block.readUInt16LE(countsAt + 2) * 8;
    if (tailAt + 8 > block.length || end > tailAt) return;
    const sum = crc32c(crc32c(seed, block.subarray(0, end)), block.subarray(tailAt, tailAt + 4));
    block.writeUInt32LE(crc32c(sum, Buffer.alloc(4)), tailAt + 4);
  }
}

const KINDS: [string, string[]][] = [
  ['extents, hash trees and checksums', ['-O', '^inline_data']],
  ['inline data', ['-O', 'inline_data']],
  ['block maps', ['-t', 'ext2', '-O', 'dir_index']],
];

describe.each(KINDS)('%s', (feature, args) => {
  const before = process.memoryUsage().rss;
  let subject: Subject;
  beforeAll(async () => {
    subject = new Subject(made(args));
    await subject.explore();
  });

  test('is read as it is, and its checksums are known', async () => {
    const copy = Buffer.from(subject.bytes);
    if (!args.includes('ext2')) subject.seal();
    expect(subject.bytes.equals(copy)).toBe(true);
    const { outcome, walk } = await examineHostile(memorySource(subject.bytes));
    expect(outcome).toBe('used-blocks');
    expect([...walk!.refusals]).toEqual([]);
    expect(walk!.names).toBe(51);
    // what the kinds are about is there
    expect(subject.inode('indexed').readUInt32LE(0x20) & 0x1000).toBe(0x1000);
    expect(subject.place('fragmented').nodes.length).toBeGreaterThan(3);
    if (feature === 'inline data') expect(subject.inode('linear/file 4').readUInt32LE(0x20)).toBe(0x10000000);
  });

  test.each([
    ['inodes', () => subject.inodes()],
    ['maps of blocks', () => subject.maps()],
    ['folders', () => subject.folders()],
  ])('mutated: %s', async (_, regionsOf) => {
    const regions = regionsOf();
    // checksums of all that is known are written again
    const touched = [...subject.inodes(), ...subject.maps(), ...subject.folders()];
    const refusals = new Set<string>();
    let names = 0;
    const seeds = Math.ceil(MUTATIONS / KINDS.length);
    for (let seed = 0; seed < seeds; seed++) {
      await restoring(subject.bytes, touched, async () => {
        mutate(subject.bytes, regions, seed);
        if (!args.includes('ext2')) subject.seal();
        const { walk } = await examineHostile(memorySource(subject.bytes));
        names += walk?.names ?? 0;
        walk?.refusals.forEach((code) => refusals.add(code));
      });
    }
    expect([...refusals]).toContain('FORMAT_INVALID');
    expect(names).toBeGreaterThan(10 * seeds);
    expect(process.memoryUsage().rss - before).toBeLessThan(300 * MIB);
  });

  test('proves', (context) => {
    proves(context, { subject: 'ext2, ext3, ext4', feature, aspect: 'hostile', judge: 'seeded mutations' });
  });
});

/** Fields of an inode and of an extent tree: ext4/inodes.rst, ifork.rst. */
const I = { SIZE: 0x04, FLAGS: 0x20, BLOCK: 0x28, SIZE_HIGH: 0x6c, EXTRA_ISIZE: 0x80 };

describe('named lies', () => {
  const subjects: Record<string, Subject> = {};
  beforeAll(async () => {
    for (const [name, args] of KINDS) await (subjects[name] = new Subject(made(args))).explore();
  });
  const [EXTENTS, INLINE, POINTERS] = KINDS.map(([name]) => name);

  /** Where the entries of a folder's block begin. */
  const entries = (block: Buffer): number[] => {
    const all = [0];
    while (all.at(-1)! + block.readUInt16LE(all.at(-1)! + 4) < block.length - 12) {
      all.push(all.at(-1)! + block.readUInt16LE(all.at(-1)! + 4));
    }
    return all;
  };
  const linear = (s: Subject) => s.block(s.place('linear').blocks[0]);
  const third = (s: Subject) => entries(linear(s))[2];
  const tree = (s: Subject) => s.inode('fragmented').subarray(I.BLOCK);
  const nodes = (s: Subject) => s.place('fragmented').nodes.map((block) => s.block(block));
  const leaf = (s: Subject) => nodes(s).find((node) => node.readUInt16LE(6) === 0)!;

  test.each<[string, string, (s: Subject) => void]>([
    ['an entry of no length', EXTENTS, (s) => linear(s).writeUInt16LE(0, third(s) + 4)],
    ['an entry of 8 bytes with a name', EXTENTS, (s) => linear(s).writeUInt16LE(8, third(s) + 4)],
    ['an entry that ends inside a word', EXTENTS, (s) => linear(s).writeUInt16LE(18, third(s) + 4)],
    ['an entry past its block', EXTENTS, (s) => linear(s).writeUInt16LE(0xfffc, third(s) + 4)],
    ['a name past its entry', EXTENTS, (s) => linear(s).writeUInt8(255, third(s) + 6)],
    ['a name of no letters', EXTENTS, (s) => linear(s).writeUInt8(0, third(s) + 6)],
    ['a name for an inode that there is not', EXTENTS, (s) => linear(s).writeUInt32LE(0xffffffff, third(s))],
    ['a name for an inode that is free', EXTENTS, (s) => linear(s).writeUInt32LE(250, third(s))],
    ['a folder of 4 GiB', EXTENTS, (s) => s.inode('linear').writeUInt32LE(0xfffffc00, I.SIZE)],
    [
      'a folder of one block again and again',
      EXTENTS,
      (s) => {
        const inode = s.inode('linear');
        inode.writeUInt32LE(4096, I.SIZE);
        inode.writeUInt16LE(4, I.BLOCK + 2);
        for (let i = 1; i < 4; i++) {
          inode.copy(inode, I.BLOCK + 12 + i * 12, I.BLOCK + 12, I.BLOCK + 24);
          inode.writeUInt32LE(i, I.BLOCK + 12 + i * 12);
        }
      },
    ],
    ['a folder that was never written', EXTENTS, (s) => s.inode('linear').writeUInt16LE(0x8001, I.BLOCK + 16)],
    ['a file of 2^63 bytes', EXTENTS, (s) => s.inode('fragmented').writeUInt32LE(0x80000000, I.SIZE_HIGH)],
    ['a link of 4 GiB', EXTENTS, (s) => s.inode('slow').writeUInt32LE(0xffffffff, I.SIZE)],
    ['an inode of more than its bytes', EXTENTS, (s) => s.inode('fragmented').writeUInt16LE(0xffff, I.EXTRA_ISIZE)],
    ['an inode of no kind', EXTENTS, (s) => s.inode('linear/file 4').writeUInt16LE(0xf1a4, 0)],
    ['a tree that is its own child', EXTENTS, (s) => nodes(s)[0].writeUInt32LE(s.place('fragmented').nodes[0], 16)],
    ['a tree of 65535 levels', EXTENTS, (s) => tree(s).writeUInt16LE(0xffff, 6)],
    ['a tree of six levels', EXTENTS, (s) => tree(s).writeUInt16LE(6, 6)],
    ['more extents than there is room for', EXTENTS, (s) => leaf(s).writeUInt16LE(85, 2)],
    ['room for more than a block', EXTENTS, (s) => leaf(s).writeUInt16LE(0xffff, 4)],
    ['extents past the end', EXTENTS, (s) => leaf(s).writeUInt16LE(0xffff, 12 + 6)],
    ['extents that begin in the superblock', EXTENTS, (s) => leaf(s).writeUInt32LE(0, 12 + 8)],
    ['extents of no length', EXTENTS, (s) => leaf(s).writeUInt16LE(0, 12 + 4)],
    ['extents that go back', EXTENTS, (s) => leaf(s).writeUInt32LE(0, 36)],
    ['extents outside what their index tells', EXTENTS, (s) => leaf(s).writeUInt32LE(0xfffffff0, 12)],
    ['pointers past the end', POINTERS, (s) => tree(s).writeUInt32LE(0xfffffff0, 0)],
    [
      'pointers that go in circles',
      POINTERS,
      (s) => {
        const block = s.place('fragmented').nodes[0];
        for (let at = 0; at < KIB; at += 4) s.block(block).writeUInt32LE(block, at);
        tree(s).writeUInt32LE(block, 56);
        s.inode('fragmented').writeUInt32LE(0x3fffffff, I.SIZE);
      },
    ],
    ['a folder with a hole', POINTERS, (s) => s.inode('linear').writeUInt32LE(0, I.BLOCK)],
    ['inline data of a kilobyte', INLINE, (s) => s.inode('linear/file 4').writeUInt32LE(1024, I.SIZE)],
    [
      'inline data past the inode',
      INLINE,
      (s) => {
        // the first attribute: name 4, index 7, offset, size
        const attribute = s.inode('linear/file 4').indexOf(Buffer.from([4, 7]), 0x80);
        s.inode('linear/file 4').writeUInt32LE(0xffffffff, attribute + 8);
      },
    ],
    [
      'inline data that begins behind the inode',
      INLINE,
      (s) => {
        const attribute = s.inode('linear/file 4').indexOf(Buffer.from([4, 7]), 0x80);
        s.inode('linear/file 4').writeUInt16LE(0xffff, attribute + 2);
      },
    ],
  ])('%s', async (_, kind, lie) => {
    const s = subjects[kind];
    await restoring(s.bytes, [[0, LENGTH]], async () => {
      lie(s);
      if (kind !== POINTERS) s.seal();
      const { walk } = await examineHostile(memorySource(s.bytes));
      expect([...walk!.refusals]).toEqual(['FORMAT_INVALID']);
      expect(walk!.names).toBeGreaterThan(4);
    });
  });

  test('a folder that is inside itself can be followed as long as somebody wants to', async () => {
    const s = subjects[EXTENTS];
    await restoring(s.bytes, [[0, LENGTH]], async () => {
      linear(s).writeUInt32LE(s.place('linear').inode, third(s));
      s.seal();
      const { walk } = await examineHostile(memorySource(s.bytes));
      expect([...walk!.refusals]).toEqual([]);
      expect(walk!.names).toBeGreaterThan(51);
    });
  });

  test.each([
    ['an inode', (s: Subject) => s.inode('fragmented').writeUInt8(7, 0x1a)],
    ['a block of an extent tree', (s: Subject) => leaf(s).writeUInt16LE(0x8001, 16)],
    ['a block of a folder', (s: Subject) => linear(s).write('F', third(s) + 8)],
    ['the root of a hash tree', (s: Subject) => s.block(s.place('indexed').blocks[0]).writeUInt32LE(1, 44)],
  ])('a wrong checksum of %s is told', async (_, change) => {
    const s = subjects[EXTENTS];
    await restoring(s.bytes, [[0, LENGTH]], async () => {
      change(s);
      const { walk } = await examineHostile(memorySource(s.bytes));
      expect([...walk!.refusals]).toEqual(['FORMAT_INVALID']);
    });
  });
});
