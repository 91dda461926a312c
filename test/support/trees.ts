/** A deterministic tree of files for file systems of all kinds, and the comparison of a FileTree with a mounted folder. */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  closeSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { FileNode, FileTree } from '../../src-engine/filesystems/file-tree.port.ts';
import { noise } from './disks.ts';

export interface TreeOptions {
  /** symbolic and hard links, permissions, owners: what FAT and exFAT do not have */
  readonly isPosix?: boolean;
  /** files with holes; only where the mount keeps them */
  readonly hasHoles?: boolean;
  /** how many small files one folder gets */
  readonly smallFiles?: number;
  /** size of the largest file; also of the fragmented one */
  readonly largeBytes?: number;
}

const KIB = 1024;

/**
 * Fills a mounted folder: many small files, a large one, one written in turns with another (fragmented), deep folders, names in
 * several scripts and of 255 bytes, empty files and folders; then deletes every third small file and writes again, so that
 * what is free lies scattered. The same names and bytes at every run.
 */
export function fillTree(root: string, options: TreeOptions = {}): void {
  const { isPosix = true, hasHoles = true, smallFiles = 300, largeBytes = 1500 * KIB } = options;
  mkdirSync(join(root, 'many'));
  for (let i = 0; i < smallFiles; i++) {
    writeFileSync(join(root, 'many', `small file ${i}.txt`), noise(`small ${i}`, (i * 37) % 6000));
  }
  let deep = join(root, 'deep');
  for (let level = 0; level < 20; level++) {
    mkdirSync(deep);
    writeFileSync(join(deep, 'here'), `level ${level}\n`);
    deep = join(deep, `level ${level}`);
  }
  mkdirSync(join(root, 'names'));
  const names = [
    'héhé',
    '日本語の名前',
    'Ελληνικά',
    '😀 emoji',
    'a'.repeat(255),
    'é'.repeat(120),
    '.hidden',
    'UPPER.TXT',
    'two  spaces',
  ];
  for (const name of names) writeFileSync(join(root, 'names', name), name);
  mkdirSync(join(root, 'empty folder'));
  writeFileSync(join(root, 'empty file'), '');
  writeFileSync(join(root, 'large'), noise('large', largeBytes));
  writeInTurns(join(root, 'fragmented'), join(root, 'other fragments'), largeBytes);
  rmSync(join(root, 'other fragments'));
  if (hasHoles) {
    writeSparse(join(root, 'sparse'), 3 * largeBytes);
    writeSparse(join(root, 'nothing but a hole'), largeBytes, false);
  }
  for (let i = 0; i < smallFiles; i += 3) rmSync(join(root, 'many', `small file ${i}.txt`));
  writeFileSync(join(root, 'written late'), noise('late', 200 * KIB));
  if (isPosix) {
    symlinkSync('names/héhé', join(root, 'short link'));
    symlinkSync(`/${'x'.repeat(200)}/nowhere`, join(root, 'long link'));
    linkSync(join(root, 'large'), join(root, 'names', 'second name of large'));
    writeFileSync(join(root, 'private'), 'secret');
    chmodSync(join(root, 'private'), 0o4711);
    chownSync(join(root, 'private'), 1000, 70_000);
  }
  // times of long ago, of now, and behind 2038
  for (const [name, seconds] of [
    ['old', 86_400 * 3653 + 2],
    ['future', 2_200_000_000],
  ] as const) {
    writeFileSync(join(root, name), name);
    utimesSync(join(root, name), seconds, seconds);
  }
}

/** Two files that grow in turns, a few blocks at a time. */
function writeInTurns(path: string, other: string, lengthBytes: number): void {
  const files = [openSync(path, 'w'), openSync(other, 'w')];
  const bytes = noise('fragmented', lengthBytes);
  for (let at = 0; at < lengthBytes; at += 20 * KIB) {
    for (const file of files) writeSync(file, bytes, at, Math.min(20 * KIB, lengthBytes - at), at);
  }
  files.forEach((file) => closeSync(file));
}

function writeSparse(path: string, lengthBytes: number, hasData = true): void {
  const file = openSync(path, 'w');
  ftruncateSync(file, lengthBytes);
  for (let i = 1; hasData && i < 6; i++) {
    const at = Math.floor((lengthBytes * i) / 7);
    writeSync(file, noise(`sparse ${i}`, 10_000), 0, 10_000, at);
  }
  closeSync(file);
}

export interface Comparison {
  /** modes, owners, link counts */
  readonly isPosix?: boolean;
  /** how far modification times may differ: 2000 for FAT; null: not compared */
  readonly timeToleranceMs?: number | null;
  /** names in the root that the mount shows but the tree does not, or the other way round (`lost+found`, `$Extend`) */
  readonly ignored?: readonly string[];
}

/**
 * Expects that `tree` has the same names, kinds, sizes, times, modes, links and bytes as the folder `root`, where someone else's
 * driver shows the same file system; that `find` finds each name, and that ids tell hard links.
 * @returns how many names were compared
 */
export async function expectSameTree(tree: FileTree, root: string, comparison: Comparison = {}): Promise<number> {
  const { isPosix = true, timeToleranceMs = 1, ignored = [] } = comparison;
  const signal = new AbortController().signal;
  const inodes = new Map<string, number>();
  let count = 0;

  async function walk(folder: FileNode, path: string, isRoot: boolean): Promise<void> {
    const nodes = new Map<string, FileNode>();
    for await (const batch of tree.list(folder, signal)) {
      for (const { name, node } of batch) {
        expect(nodes.has(name), `${path}/${name} is listed twice`).toBe(false);
        nodes.set(name, node);
      }
    }
    const isCompared = (name: string) => !isRoot || !ignored.includes(name);
    expect([...nodes.keys()].filter(isCompared).sort(), path).toEqual(readdirSync(path).filter(isCompared).sort());
    for (const [name, node] of nodes) {
      if (!isCompared(name)) continue;
      count++;
      await compare(folder, name, node, join(path, name));
      if (node.kind === 'folder') await walk(node, join(path, name), false);
    }
  }

  async function compare(folder: FileNode, name: string, node: FileNode, path: string): Promise<void> {
    const expected = lstatSync(path);
    expect(await tree.find(folder, name), `find ${path}`).toMatchObject({ id: node.id, kind: node.kind });
    const kind = expected.isDirectory()
      ? 'folder'
      : expected.isSymbolicLink()
        ? 'link'
        : expected.isFile()
          ? 'file'
          : null;
    if (kind !== null) expect(node.kind, path).toBe(kind);
    if (timeToleranceMs !== null) {
      expect(Math.abs(node.modifiedMs! - expected.mtimeMs), `${path}: time`).toBeLessThanOrEqual(timeToleranceMs);
    }
    if (isPosix) {
      const found = { mode: node.mode, owner: node.ownerId, group: node.groupId };
      expect(found, path).toEqual({ mode: expected.mode & 0o7777, owner: expected.uid, group: expected.gid });
      if (kind === 'file') {
        expect(node.linkCount, `${path}: names`).toBe(expected.nlink);
        if (expected.nlink > 1) expect(inodes.get(node.id) ?? expected.ino, `${path}: id`).toBe(expected.ino);
        inodes.set(node.id, expected.ino);
      }
    }
    if (kind === 'link') expect(await tree.readLink(node), path).toBe(readlinkSync(path));
    if (kind === 'file') {
      expect(node.lengthBytes, `${path}: length`).toBe(expected.size);
      await compareContent(node, path);
    }
  }

  async function compareContent(node: FileNode, path: string): Promise<void> {
    const content = await tree.open(node);
    const expected = readFileSync(path);
    const found = Buffer.alloc(expected.length, 0xee);
    expect(content.lengthBytes, path).toBe(expected.length);
    // pieces that begin and end anywhere
    for (let at = 0, length = 50_021; at < found.length; at += length) {
      await content.readInto(at, found.subarray(at, Math.min(found.length, at + length)));
    }
    expect(digest(found), `${path}: content`).toBe(digest(expected));
    // what lies outside the runs is zeros
    const filled = Buffer.alloc(expected.length);
    let endBytes = 0;
    for await (const batch of content.dataRuns(signal)) {
      for (const { startBytes, lengthBytes } of batch) {
        expect(startBytes, `${path}: runs ascend`).toBeGreaterThanOrEqual(endBytes);
        endBytes = startBytes + lengthBytes;
        expect(endBytes, `${path}: runs end`).toBeLessThanOrEqual(expected.length);
        await content.readInto(startBytes, filled.subarray(startBytes, endBytes));
      }
    }
    expect(digest(filled), `${path}: runs`).toBe(digest(expected));
  }

  await walk(tree.root, root, true);
  return count;
}

const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
