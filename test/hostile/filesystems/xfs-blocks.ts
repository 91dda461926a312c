/** Small XFS file systems, their metadata by kind, and lies in it whose checksums are right. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { blockChecksum } from '../../../src-engine/filesystems/xfs/checksum.ts';
import { prototypeOf } from '../../integ/filesystems/xfs-images.ts';
import { madeBy, randomBelow } from './harmless.ts';

const MIB = 1024 * 1024;
export const BLOCK = 1024;
/** of folders: four blocks */
export const FOLDER_BLOCK = 4096;

/** mkfs.xfs makes file systems as small as this for the tests of XFS itself, which it knows by these. */
Object.assign(process.env, { TEST_DIR: '/', TEST_DEV: '/', QA_CHECK_FS: '/' });

const REMOTE_LINK = 'far/'.repeat(240);

/** Folders of every form, with few files in each, so that a walk is short. */
const TREES = {
  bare(root: string): void {
    writeFileSync(join(root, 'file'), 'content');
  },
  small(root: string): void {
    writeFileSync(join(root, 'file'), 'content\n'.repeat(700));
    writeFileSync(join(root, 'fragmented'), 'fragment'.repeat(768));
    symlinkSync('here', join(root, 'short'));
    symlinkSync(REMOTE_LINK, join(root, 'remote'));
    mkdirSync(join(root, 'one-block'));
    for (let i = 0; i < 5; i++) writeFileSync(join(root, 'one-block', `${i}`.repeat(80)), '');
    mkdirSync(join(root, 'leaf'));
    for (let i = 0; i < 17; i++) writeFileSync(join(root, 'leaf', `${i}-`.padEnd(250, 'x')), '');
  },
  index(root: string): void {
    mkdirSync(join(root, 'node'));
    for (let i = 0; i < 17; i++) writeFileSync(join(root, 'node', `${i}-`.padEnd(250, 'x')), '');
  },
};

export type HostileTree = keyof typeof TREES;

/**
 * mkfs.xfs makes only what a small file system needs; where its trees would have one block, more are made of it here, in
 * blocks that are free or wait for the trees to grow.
 * @param version of XFS
 */
export function makeHostile(tree: HostileTree, version: 4 | 5): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'diskpress-hostile-'));
  try {
    mkdirSync(join(folder, 'root'));
    TREES[tree](join(folder, 'root'));
    writeFileSync(join(folder, 'prototype'), prototypeOf(join(folder, 'root')));
    const size = ['-b', `size=${BLOCK}`, '-d', `size=${16 * MIB},agcount=1`];
    const args = ['-q', '-m', `crc=${version === 5 ? 1 : 0}`, ...size, '-p', join(folder, 'prototype')];
    const bytes = madeBy('mkfs.xfs', args, 16 * MIB);
    raiseFreeTree(bytes, version);
    if (version === 5) describeLinks(bytes);
    if (tree === 'small') raiseExtentTree(bytes, version);
    if (tree === 'index') raiseIndex(bytes, version);
    return bytes;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export interface Piece {
  readonly kind: string;
  readonly start: number;
  readonly length: number;
  /** where its checksum stands, from its start; null for a log and for version 4 */
  readonly crcAt: number | null;
}

const SECTOR = 512;
/** By the first four bytes, in versions 4 and 5, and where version 5 has its checksum. */
const MAGICS: [kind: string, magic4: string, magic5: string, crcAt: number][] = [
  ['tree of free space', 'ABTB', 'AB3B', 52],
  ['tree of extents', 'BMAP', 'BMA3', 64],
  ['folder block', 'XD2B', 'XDB3', 4],
  ['folder data', 'XD2D', 'XDD3', 4],
  ['link block', '', 'XSLM', 12],
];
/** By the two bytes at 8. */
const INDEX_MAGICS: [kind: string, magic4: number, magic5: number][] = [
  ['folder leaf', 0xd2f1, 0x3df1],
  ['folder leaf', 0xd2ff, 0x3dff],
  ['folder node', 0xfebe, 0x3ebe],
];

/** All metadata of an image that is read here. */
export function piecesOf(bytes: Buffer): Piece[] {
  const isV5 = (bytes.readUInt16BE(100) & 15) === 5;
  const inodeBytes = bytes.readUInt16BE(104);
  const logStart = Number(bytes.readBigUInt64BE(48)) * BLOCK;
  const piece = (kind: string, start: number, length: number, crcAt: number): Piece => {
    return { kind, start, length, crcAt: isV5 ? crcAt : null };
  };
  const pieces = [
    piece('superblock', 0, SECTOR, 224),
    piece('group header', SECTOR, SECTOR, 216),
    piece('group header', 3 * SECTOR, SECTOR, 32),
    { kind: 'log', start: logStart, length: 2 * SECTOR, crcAt: null },
  ];
  for (let start = 2 * BLOCK; start < bytes.length; start += BLOCK) {
    if (start >= logStart && start < logStart + bytes.readUInt32BE(96) * BLOCK) continue;
    const magic = bytes.toString('latin1', start, start + 4);
    const found = MAGICS.find((known) => magic === known[isV5 ? 2 : 1]);
    if (found) pieces.push(piece(found[0], start, found[0].startsWith('folder') ? FOLDER_BLOCK : BLOCK, found[3]));
    const number = bytes.readUInt16BE(start + 8);
    const index = INDEX_MAGICS.find((known) => number === known[isV5 ? 2 : 1]);
    if (index && !found) pieces.push(piece(index[0], start, FOLDER_BLOCK, 12));
    for (let at = start; at < start + BLOCK && magic.startsWith('IN'); at += inodeBytes) {
      if (bytes.readUInt16BE(at + 2) !== 0) pieces.push(piece('inode', at, inodeBytes, 100));
    }
  }
  return pieces;
}

export function repairChecksum(bytes: Buffer, { start, length, crcAt }: Piece): void {
  if (crcAt === null) return;
  const piece = bytes.subarray(start, start + length);
  piece.writeUInt32LE(blockChecksum(piece, crcAt), crcAt);
}

const EXTREMES = [
  0n,
  1n,
  2n,
  0x7fn,
  0xffn,
  0xffffn,
  0x7fffffffn,
  0xffffffffn,
  2n ** 52n,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 64n - 1n,
];

/** Changes one to three numbers of a piece: to extremes, by a little, bit by bit, or to what stands elsewhere in it. */
export function mutatePiece(bytes: Buffer, { start, length }: Piece, seed: number): void {
  const below = randomBelow(seed);
  const piece = bytes.subarray(start, start + length);
  // What is in use stands in front, and at the end of some folders.
  const place = () => (below(3) === 0 ? below(length) : below(Math.min(length, 200)));
  for (let changes = 1 + below(3); changes > 0; changes--) {
    const width = [1, 2, 4, 8][below(4)];
    const at = place();
    const field = piece.subarray(at - (at % width), at - (at % width) + width);
    const value = BigInt(`0x${field.toString('hex')}`);
    const changed = [
      () => EXTREMES[below(EXTREMES.length)],
      () => value + BigInt(below(5) - 2),
      () => value ^ (1n << BigInt(below(width * 8))),
      () => BigInt(`0x${piece.toString('hex', below(length - 8), length)}`),
    ][below(4)]();
    Buffer.from((changed & (2n ** BigInt(width * 8) - 1n)).toString(16).padStart(width * 2, '0'), 'hex').copy(field);
  }
}

/** In version 5, mkfs.xfs forgets the headers of links that have a block of their own. */
function describeLinks(bytes: Buffer): void {
  for (const { kind, start } of piecesOf(bytes)) {
    const inode = bytes.subarray(start, start + 512);
    const isLink = kind === 'inode' && inode.readUInt16BE(2) >> 12 === 0o12;
    if (!isLink || inode.readBigUInt64BE(56) !== BigInt(REMOTE_LINK.length)) continue;
    const block = bytes.indexOf(REMOTE_LINK);
    const piece = bytes.subarray(block, block + BLOCK).fill(0);
    piece.write('XSLM', 0);
    piece.writeUInt32BE(REMOTE_LINK.length, 8);
    inode.copy(piece, 16, 160, 176);
    inode.copy(piece, 32, 152, 160);
    piece.writeBigUInt64BE(BigInt(block / 512), 40);
    piece.write(REMOTE_LINK, 56);
    repairChecksum(bytes, { kind, start: block, length: BLOCK, crcAt: 12 });
  }
}

/**
 * A fresh file system has a free-space tree of one block: makes a node of it, with two leaves in blocks of the free list. The
 * first of them names single blocks, every other one.
 */
function raiseFreeTree(bytes: Buffer, version: 4 | 5): void {
  const headerBytes = version === 5 ? 56 : 16;
  const root = bytes.subarray(bytes.readUInt32BE(SECTOR + 16) * BLOCK).subarray(0, BLOCK);
  const first = bytes.readUInt32BE(SECTOR + 40);
  const slots = 3 * SECTOR + (version === 5 ? 36 : 0);
  const leafNumbers = [first, first + 1].map((slot) => bytes.readUInt32BE(slots + slot * 4));
  const last = headerBytes + (root.readUInt16BE(6) - 1) * 8;
  const runs: [number, number][][] = [[], []];
  const start = root.readUInt32BE(last);
  for (let i = 0; i < 40; i++) runs[0].push([start + 2 * i, 1]);
  runs[1].push([start + 80, root.readUInt32BE(last + 4) - 80]);

  leafNumbers.forEach((number, i) => {
    const leaf = bytes.subarray(number * BLOCK, (number + 1) * BLOCK);
    root.copy(leaf);
    leaf.fill(0, headerBytes);
    if (version === 5) leaf.writeBigUInt64BE(BigInt(number * 2), 16);
    leaf.writeUInt16BE(runs[i].length, 6);
    runs[i].forEach(([block, count], at) => {
      leaf.writeUInt32BE(block, headerBytes + at * 8);
      leaf.writeUInt32BE(count, headerBytes + at * 8 + 4);
    });
    leaf.writeUInt32BE(i === 0 ? leafNumbers[1] : 0xffffffff, 12);
    leaf.writeUInt32BE(i === 1 ? leafNumbers[0] : 0xffffffff, 8);
    if (version === 5) leaf.writeUInt32LE(blockChecksum(leaf, 52), 52);
  });
  root.fill(0, headerBytes);
  root.writeUInt16BE(1, 4);
  root.writeUInt16BE(2, 6);
  const pointersAt = headerBytes + Math.floor((BLOCK - headerBytes) / 12) * 8;
  runs.forEach(([[block, count]], i) => {
    root.writeUInt32BE(block, headerBytes + i * 8);
    root.writeUInt32BE(count, headerBytes + i * 8 + 4);
    root.writeUInt32BE(leafNumbers[i], pointersAt + i * 4);
  });
  if (version === 5) root.writeUInt32LE(blockChecksum(root, 52), 52);
  const header = bytes.subarray(SECTOR, 2 * SECTOR);
  header.writeUInt32BE(2, 28);
  // the leaves are no longer in the free list
  header.writeUInt32BE(first + 2, 40);
  header.writeUInt32BE(header.readUInt32BE(48) - 2, 48);
  header.writeUInt32BE(2, 60);
  writeByLength(bytes.subarray(header.readUInt32BE(20) * BLOCK).subarray(0, BLOCK), runs.flat(), version);
  const longest = runs[1][0][1];
  header.writeUInt32BE(40 + longest, 52);
  header.writeUInt32BE(longest, 56);
  if (version === 5) header.writeUInt32LE(blockChecksum(header, 216), 216);
  const superblock = bytes.subarray(0, SECTOR);
  superblock.writeBigUInt64BE(BigInt(40 + longest + header.readUInt32BE(48) + 2), 144);
  if (version === 5) superblock.writeUInt32LE(blockChecksum(superblock, 224), 224);
}

/** The tree of one block that is sorted by length. */
function writeByLength(block: Buffer, runs: [number, number][], version: 4 | 5): void {
  const headerBytes = version === 5 ? 56 : 16;
  block.fill(0, headerBytes);
  block.writeUInt16BE(runs.length, 6);
  runs
    .toSorted((a, b) => a[1] - b[1] || a[0] - b[0])
    .forEach(([first, count], at) => {
      block.writeUInt32BE(first, headerBytes + at * 8);
      block.writeUInt32BE(count, headerBytes + at * 8 + 4);
    });
  if (version === 5) block.writeUInt32LE(blockChecksum(block, 52), 52);
}

/** The inode of the first file or folder that `isIt` says it is. */
function inodeWhere(bytes: Buffer, isIt: (inode: Buffer) => boolean): Buffer {
  const inodes = piecesOf(bytes).filter((piece) => piece.kind === 'inode');
  const found = inodes.map(({ start, length }) => bytes.subarray(start, start + length)).find(isIt);
  if (!found) throw new Error('no such inode');
  return found;
}

/** An extent, as inodes and leaves keep it. */
export function extentRecord(fileBlock: number, block: number, count: number): Buffer {
  const bits = (BigInt(fileBlock) << 73n) | (BigInt(block) << 21n) | BigInt(count);
  return Buffer.from(bits.toString(16).padStart(32, '0'), 'hex');
}

/** Blocks at the end of the file system, which are free. */
const SPARE_BLOCK = 16 * BLOCK - 64;

/** Gives the extent of six blocks of the file `fragmented` a tree of two levels: a node, two leaves, an extent for each block. */
function raiseExtentTree(bytes: Buffer, version: 4 | 5): void {
  const inode = inodeWhere(bytes, (it) => it.readUInt16BE(2) >> 12 === 0o10 && it.readBigUInt64BE(56) === 6144n);
  const fork = inode.subarray(version === 5 ? 176 : 100);
  const first = Number((fork.readBigUInt64BE(8) >> 21n) & 0xffffffffn);
  const headerBytes = version === 5 ? 72 : 24;
  const [node, ...leaves] = [0, 1, 2].map((i) => {
    const start = (SPARE_BLOCK + i) * BLOCK;
    const block = bytes.subarray(start, start + BLOCK).fill(0);
    block.write(version === 5 ? 'BMA3' : 'BMAP');
    block.fill(0xff, 8, 24);
    if (version === 5) {
      block.writeBigUInt64BE(BigInt(start / 512), 24);
      inode.copy(block, 40, 160, 176);
      inode.copy(block, 56, 152, 160);
    }
    return block;
  });
  leaves.forEach((leaf, i) => {
    leaf.writeUInt16BE(3, 6);
    for (let at = 0; at < 3; at++) extentRecord(i * 3 + at, first + i * 3 + at, 1).copy(leaf, headerBytes + at * 16);
  });
  const pointTo = (entries: Buffer, blocks: number[]) => {
    const pointersAt = Math.floor(entries.length / 16) * 8;
    blocks.forEach((block, i) => {
      entries.writeBigUInt64BE(BigInt(i * 3), i * 8);
      entries.writeBigUInt64BE(BigInt(block), pointersAt + i * 8);
    });
  };
  node.writeUInt16BE(1, 4);
  node.writeUInt16BE(2, 6);
  pointTo(node.subarray(headerBytes), [SPARE_BLOCK + 1, SPARE_BLOCK + 2]);
  fork.fill(0);
  fork.writeUInt16BE(2, 0);
  fork.writeUInt16BE(1, 2);
  pointTo(fork.subarray(4), [SPARE_BLOCK]);
  inode[5] = 3;
  inode.writeUInt32BE(6, 76);
  for (const piece of piecesOf(bytes)) repairChecksum(bytes, piece);
}

/** Makes a node of the only leaf of a folder's index, and gives it two leaves behind it. */
function raiseIndex(bytes: Buffer, version: 4 | 5): void {
  const lone = piecesOf(bytes).find((piece) => piece.kind === 'folder leaf')!;
  const root = bytes.subarray(lone.start, lone.start + FOLDER_BLOCK);
  const [countAt, entriesAt] = version === 5 ? [56, 64] : [12, 16];
  const count = root.readUInt16BE(countAt);
  const entries = Buffer.from(root.subarray(entriesAt, entriesAt + count * 8));
  const firstHalf = entries.subarray(0, Math.floor(count / 2) * 8);
  const rootBlock = 2 ** 35 / BLOCK;
  const halves = [firstHalf, entries.subarray(firstHalf.length)].map((half, i) => {
    const start = (SPARE_BLOCK + 4 * i) * BLOCK;
    const leaf = bytes.subarray(start, start + FOLDER_BLOCK);
    leaf.fill(0).set(root.subarray(0, entriesAt));
    leaf.writeUInt32BE(i === 0 ? rootBlock + 8 : 0, 0);
    leaf.writeUInt32BE(i === 1 ? rootBlock + 4 : 0, 4);
    leaf.writeUInt16BE(version === 5 ? 0x3dff : 0xd2ff, 8);
    if (version === 5) leaf.writeBigUInt64BE(BigInt(start / 512), 16);
    leaf.writeUInt16BE(half.length / 8, countAt);
    half.copy(leaf, entriesAt);
    return { lastHash: half.readUInt32BE(half.length - 8), block: rootBlock + 4 + 4 * i };
  });
  root.writeUInt16BE(version === 5 ? 0x3ebe : 0xfebe, 8);
  root.fill(0, countAt);
  root.writeUInt16BE(2, countAt);
  root.writeUInt16BE(1, countAt + 2);
  halves.forEach(({ lastHash, block }, i) => {
    root.writeUInt32BE(lastHash, entriesAt + i * 8);
    root.writeUInt32BE(block, entriesAt + i * 8 + 4);
  });
  const inode = inodeWhere(bytes, (it) => it.readUInt16BE(2) >> 12 === 4 && it[5] === 2);
  const extents = inode.readUInt32BE(76);
  extentRecord(rootBlock + 4, SPARE_BLOCK, 8).copy(inode, (version === 5 ? 176 : 100) + extents * 16);
  inode.writeUInt32BE(extents + 1, 76);
  for (const piece of piecesOf(bytes)) repairChecksum(bytes, piece);
}
