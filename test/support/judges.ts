/** What foreign tools say of a disk. */
import { createHash } from 'node:crypto';
import { closeSync, createReadStream, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { basename } from 'node:path';
import { expect } from 'vitest';
import { extract, type Part } from './disks.ts';
import { canLoop, MIB, run, type Workbench } from './workbench.ts';

/**
 * Every block of `original` that partclone takes for used has the same bytes in `copy`.
 * @param tool partclone's program for that file system
 * @param original a file system in a file or a device of its own, as `copy`
 * @returns bytes found equal
 */
export function expectSameUsedBlocks(bench: Workbench, tool: string, original: string, copy: string): number {
  const domain = bench.path('partclone.domain');
  run(tool, '-D', '-q', '-L', bench.path('partclone.log'), '-s', original, '-O', domain);
  // lines of a ddrescue mapfile: position, size, '+' for used
  const lines = [...readFileSync(domain, 'utf8').matchAll(/^(0x[\dA-F]+)\s+(0x[\dA-F]+)\s+\+$/gim)];
  rmSync(domain);
  const files = [original, copy].map((path) => openSync(path, 'r'));
  const pieces = files.map(() => Buffer.alloc(4 * MIB));
  let usedBytes = 0;
  for (const [, position, size] of lines) {
    for (let at = Number(position), left = Number(size); left > 0; at += pieces[0].length, left -= pieces[0].length) {
      const length = Math.min(left, pieces[0].length);
      const [expected, found] = files.map((fd, i) => pieces[i].subarray(0, readSync(fd, pieces[i], 0, length, at)));
      if (expected.length !== length || !expected.equals(found)) throw new Error(`a block behind ${at} differs`);
      usedBytes += length;
    }
  }
  files.forEach((fd) => closeSync(fd));
  expect(usedBytes).toBeGreaterThan(MIB / 2);
  return usedBytes;
}

/** An ext file system is free of errors and the kernel (debugfs, where nobody may mount) finds the same files as in `original`. */
export function expectSameExt4(bench: Workbench, original: string, copy: string): void {
  run('e2fsck', '-fn', copy);
  // ext2 has no journal that could be left alone
  const options = run('blkid', '-p', '-o', 'export', original).includes('TYPE=ext2') ? 'ro,loop' : 'ro,loop,noload';
  const points = [original, copy].map((image) => (canLoop ? bench.mount(image, options) : dumped(bench, image)));
  run('diff', '-r', '--no-dereference', ...points);
  if (canLoop) points.forEach((point) => bench.unmount(point));
  expectSameUsedBlocks(bench, 'partclone.ext4', original, copy);
}

function dumped(bench: Workbench, image: string): string {
  const folder = bench.path(`${basename(image)}.dumped`);
  run('rm', '-rf', folder);
  run('mkdir', folder);
  run('debugfs', '-R', `rdump / ${folder}`, image);
  return folder;
}

/** A FAT file system is free of errors, holds the same files and the same used clusters. */
export function expectSameFat(bench: Workbench, original: string, copy: string): void {
  run('fsck.vfat', '-n', copy);
  const trees = [original, copy].map((image) => {
    const tree = bench.path(`${basename(image)}.files`);
    run('rm', '-rf', tree);
    run('mkdir', tree);
    run('mcopy', '-s', '-i', image, '::', tree);
    return tree;
  });
  run('diff', '-r', ...trees);
  expectSameUsedBlocks(bench, 'partclone.vfat', original, copy);
}

interface SfdiskTable {
  label: string;
  id: string;
  partitions: ({ node: string } & Record<string, unknown>)[];
}

/** The partitions of a disk as sfdisk reads them. */
export function tableOf(disk: string): Pick<SfdiskTable, 'label' | 'id'> & { partitions: unknown[] } {
  const table = (JSON.parse(run('sfdisk', '--json', disk)) as { partitiontable: SfdiskTable }).partitiontable;
  return {
    label: table.label,
    id: table.id,
    partitions: table.partitions.map(({ node, ...rest }) => ({ number: /\d+$/.exec(node)![0], ...rest })),
  };
}

/** Whether sgdisk finds nothing wrong with the GPT of a disk. */
export function expectSoundGpt(disk: string): void {
  expect(run('sgdisk', '-v', disk)).toContain('No problems found');
}

/** What blkid and sfdisk recognise on a whole disk; '' for nothing. */
export function recognised(disk: string): string {
  const quiet = (tool: string, ...args: string[]) => {
    try {
      return run(tool, ...args);
    } catch {
      return '';
    }
  };
  return quiet('blkid', '-p', disk) + quiet('sfdisk', '-d', disk);
}

export async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path)) hash.update(piece as Buffer);
  return hash.digest('hex');
}

/** Parts of two disks, each copied to a file of its own. */
export function extractBoth(bench: Workbench, part: Part, original: string, copy: string): [string, string] {
  return [extract(original, part, bench.path('original.part')), extract(copy, part, bench.path('copy.part'))];
}

/** How often a text stands in a file. */
export function occurrences(path: string, text: string): number {
  const bytes = readFileSync(path);
  let count = 0;
  for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) count++;
  return count;
}
