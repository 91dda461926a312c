/** Disk images made by foreign tools. The same at every run, but for what the tools invent (times, UUIDs). */
import { createCipheriv, createHash } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { basename, join } from 'node:path';
import { canLoop, MIB, run, runWithInput, type Workbench } from './workbench.ts';

export interface Part {
  readonly startBytes: number;
  readonly lengthBytes: number;
}

/** Text that a file held before it was deleted: it must never leave its disk. */
export const DELETED_MARKER = 'diskpress-test deleted content 6f1d';
/** Text in a gap between partitions, of which no table speaks: it is little, and comes along. */
export const GAP_MARKER = 'diskpress-test content of a gap 3d07';
/** Text of a file that is there. */
export const LIVE_MARKER = 'diskpress-test living content b2c8';

/** Bytes that no test expects by chance and that nothing compresses, the same at every run. */
export function noise(seed: string, lengthBytes: number): Buffer {
  const key = createHash('sha256').update(seed).digest();
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(lengthBytes));
}

/** A tree of small and large files, text and noise. @returns its path */
export function makeTree(bench: Workbench, name: string, totalBytes: number): string {
  const root = bench.path(name);
  mkdirSync(join(root, 'deep', 'deeper'), { recursive: true });
  let done = 0;
  for (let i = 0; done < totalBytes; i++) {
    const lengthBytes = [100, 3000, 20_000, 5000, 150_000, 70_000, 400_000][i % 7];
    const bytes = noise(`${name} ${i}`, lengthBytes);
    const content = i % 2 === 0 ? bytes : bytes.toString('hex').slice(0, lengthBytes);
    writeFileSync(join(root, i % 3 === 0 ? '.' : 'deep/deeper', `file${i}`), content);
    done += lengthBytes;
  }
  writeFileSync(join(root, 'living'), `${LIVE_MARKER}\n`.repeat(2000));
  return root;
}

/**
 * An ext4 whose used blocks lie scattered: files were written and every other one deleted, one of them full of
 * {@link DELETED_MARKER}; another holds written zeros.
 */
export function makeExt4(bench: Workbench, name: string, lengthBytes: number, ...options: string[]): string {
  const image = bench.file(name, lengthBytes);
  const tree = makeTree(bench, `${name}.tree`, lengthBytes / 4);
  run('mkfs.ext4', '-q', '-F', '-d', tree, ...options, image);
  rmSync(tree, { recursive: true });
  scatter(bench, image);
  run('e2fsck', '-fn', image);
  return image;
}

/** Writes into an ext file system and deletes again: by the kernel, or by debugfs where nobody may mount. */
export function scatter(bench: Workbench, image: string): void {
  if (!canLoop) return scatterUnmounted(bench, image);
  const point = bench.mount(image, 'loop');
  writeFileSync(join(point, 'zeros'), Buffer.alloc(MIB));
  writeFileSync(join(point, 'deleted'), `${DELETED_MARKER}\n`.repeat(4000));
  for (let i = 0; i < 120; i++) writeFileSync(join(point, `scattered${i}`), noise(`scattered ${i}`, 9000));
  run('sync', '-f', point);
  rmSync(join(point, 'deleted'));
  for (let i = 0; i < 120; i += 2) rmSync(join(point, `scattered${i}`));
  bench.unmount(point);
}

function scatterUnmounted(bench: Workbench, image: string): void {
  const folder = bench.path(`${basename(image)}.scattered`);
  mkdirSync(folder);
  const name = (i: number) => `scattered${i}`;
  writeFileSync(join(folder, 'zeros'), Buffer.alloc(MIB));
  writeFileSync(join(folder, 'deleted'), `${DELETED_MARKER}\n`.repeat(4000));
  for (let i = 0; i < 120; i++) writeFileSync(join(folder, name(i)), noise(`scattered ${i}`, 9000));
  const written = ['zeros', 'deleted', ...Array.from({ length: 120 }, (_, i) => name(i))];
  const removed = ['deleted', ...Array.from({ length: 60 }, (_, i) => name(2 * i))];
  const commands = [
    ...written.map((file) => `write ${join(folder, file)} ${file}`),
    ...removed.map((file) => `rm ${file}`),
  ];
  runWithInput(commands.join('\n'), 'debugfs', '-w', '-f', '-', image);
  rmSync(folder, { recursive: true });
}

/** A FAT with files, written by mtools. */
export function makeFat(bench: Workbench, name: string, lengthBytes: number): string {
  const image = bench.file(name, lengthBytes);
  const tree = makeTree(bench, `${name}.tree`, lengthBytes / 8);
  run('mkfs.vfat', '-F', '16', '-s', '4', image);
  run('mcopy', '-s', '-i', image, join(tree, 'deep'), join(tree, 'living'), '::');
  rmSync(tree, { recursive: true });
  return image;
}

export function makeSwap(bench: Workbench, name: string, lengthBytes: number): string {
  const image = bench.file(name, lengthBytes, 0x53);
  run('mkswap', image);
  return image;
}

/** Copies a whole file to a place in another. */
export function place(from: string, to: string, startBytes: number): void {
  copy(from, 0, to, startBytes, statSync(from).size);
}

/** Copies a part of a disk to a new file. @returns its path */
export function extract(disk: string, part: Part, to: string): string {
  writeFileSync(to, '');
  copy(disk, part.startBytes, to, 0, part.lengthBytes);
  return to;
}

function copy(from: string, fromBytes: number, to: string, toBytes: number, lengthBytes: number): void {
  const input = openSync(from, 'r');
  const output = openSync(to, 'r+');
  const piece = Buffer.alloc(MIB);
  for (let done = 0; done < lengthBytes;) {
    const count = readSync(input, piece, 0, Math.min(MIB, lengthBytes - done), fromBytes + done);
    if (count === 0) break;
    writeSync(output, piece, 0, count, toBytes + done);
    done += count;
  }
  closeSync(input);
  closeSync(output);
}

export interface TestDisk {
  readonly path: string;
  readonly esp: Part;
  readonly ext4: Part;
  readonly swap: Part;
  readonly unknown: Part;
}

const at = (startMib: number, mib: number): Part => ({ startBytes: startMib * MIB, lengthBytes: mib * MIB });

/** FAT16 EFI system partition, ext4, swap, and one that nothing recognises; gaps between them that hold old content. */
export function makeGptDisk(bench: Workbench, name: string): TestDisk {
  const parts = { esp: at(1, 12), ext4: at(16, 40), swap: at(57, 4), unknown: at(62, 1) };
  const path = bench.file(name, 64 * MIB);
  writeFileSync(bench.path('gap.part'), `${GAP_MARKER}\n`.repeat(1000));
  place(bench.path('gap.part'), path, 14 * MIB);
  const sectors = ({ startBytes, lengthBytes }: Part) => [startBytes / 512, (startBytes + lengthBytes) / 512 - 1];
  const create = Object.values(parts).flatMap((part, i) => ['-n', [i + 1, ...sectors(part)].join(':')]);
  run('sgdisk', '-o', ...create, '-t', '1:ef00', '-t', '3:8200', '-c', '2:the root', path);
  fill(bench, path, parts);
  return { path, ...parts };
}

/** The same volumes in an MBR: two primary partitions, the others logical. */
export function makeMbrDisk(bench: Workbench, name: string): TestDisk {
  const parts = { esp: at(1, 12), ext4: at(16, 40), swap: at(58, 4), unknown: at(63, 1) };
  const path = bench.file(name, 66 * MIB);
  const line = (number: number, { startBytes, lengthBytes }: Part, type: string) =>
    `disk${number} : start=${startBytes / 512}, size=${lengthBytes / 512}, type=${type}\n`;
  const table = [
    'label: dos\n',
    line(1, parts.esp, '6'),
    line(2, parts.ext4, '83, bootable'),
    line(3, at(57, 8), '5'),
    line(5, parts.swap, '82'),
    line(6, parts.unknown, 'da'),
  ];
  runWithInput(table.join(''), 'sfdisk', '-q', path);
  fill(bench, path, parts);
  return { path, ...parts };
}

function fill(bench: Workbench, path: string, parts: Omit<TestDisk, 'path'>): void {
  const made = [
    [makeFat(bench, 'esp.part', parts.esp.lengthBytes), parts.esp],
    [makeExt4(bench, 'ext4.part', parts.ext4.lengthBytes), parts.ext4],
    [makeSwap(bench, 'swap.part', parts.swap.lengthBytes), parts.swap],
  ] as const;
  for (const [image, part] of made) {
    place(image, path, part.startBytes);
    rmSync(image);
  }
  writeFileSync(bench.path('unknown.part'), noise('unknown', parts.unknown.lengthBytes));
  place(bench.path('unknown.part'), path, parts.unknown.startBytes);
  rmSync(bench.path('unknown.part'));
}

/** A disk without a table that is noise from end to end: every byte of it is captured, none can be compressed. */
export function makeNoiseDisk(bench: Workbench, name: string, lengthBytes: number, seed = name): string {
  const path = bench.file(name, 0);
  for (let at = 0; at < lengthBytes; at += MIB) {
    writeFileSync(path, noise(`${seed} ${at}`, Math.min(MIB, lengthBytes - at)), { flag: 'a' });
  }
  return path;
}

/** A GPT disk with one partition of noise that takes a while to read and to write. */
export function makeSlowDisk(bench: Workbench, name: string, lengthBytes = 160 * MIB): string {
  const path = bench.file(name, lengthBytes);
  run('sgdisk', '-o', '-n', '1:2048:0', path);
  const part = makeNoiseDisk(bench, `${name}.part`, lengthBytes - 2 * MIB);
  place(part, path, MIB);
  rmSync(part);
  return path;
}
