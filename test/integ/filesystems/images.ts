/** File-system images for tests, made by foreign tools, and copies of them that hold the used bytes alone. */
import { execFileSync } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { EngineError } from '../../../src-engine/core/engine-error.ts';
import type { Extent } from '../../../src-engine/disk/block-source.port.ts';
import { openFileSource } from '../../../src-engine/formats/raw/file-source.ts';
import type { FileSystem } from '../../../src-engine/filesystems/file-system.port.ts';
import { recogniseFileSystem } from '../../../src-engine/filesystems/recognise.ts';
import { accountOfFile } from '../../support/account.ts';

export const MIB = 1024 * 1024;

/** A folder of its own for a test file: made before its first test, removed after its last one. @returns its path */
export function scratchFolder(): string {
  const folder = join(tmpdir(), `diskpress-filesystems-${randomUUID()}`);
  beforeAll(() => void mkdirSync(folder));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Runs a tool. @returns what it printed; throws with its words where it fails */
export function run(command: string, args: string[], input?: string): string {
  return execFileSync(command, args, {
    input,
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'pipe'],
    maxBuffer: 256 * MIB,
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin`, LC_ALL: 'C', MTOOLS_SKIP_CHECK: '1' },
  });
}

/** A new sparse file: another file than what was there, whose loop device may still be in use somewhere. */
export function emptyImage(path: string, lengthBytes: number): string {
  rmSync(path, { force: true });
  writeFileSync(path, '');
  truncateSync(path, lengthBytes);
  return path;
}

/** Bytes that no test expects by chance, the same at every run. */
export function noise(seed: string, lengthBytes: number): Buffer {
  const blocks: Buffer[] = [];
  for (let i = 0; i * 32 < lengthBytes; i++) blocks.push(createHash('sha256').update(`${seed} ${i}`).digest());
  return Buffer.concat(blocks, Math.ceil(lengthBytes / 32) * 32).subarray(0, lengthBytes);
}

/** A tree with small and large files in two folders. @returns its path */
export function makeTree(folder: string, name: string, totalBytes: number): string {
  const root = join(folder, name);
  mkdirSync(join(root, 'deep', 'deeper'), { recursive: true });
  let done = 0;
  for (let i = 0; done < totalBytes; i++) {
    const lengthBytes = [100, 3000, 20_000, 5000, 150_000, 70_000][i % 6];
    writeFileSync(join(root, i % 3 === 0 ? '.' : 'deep/deeper', `file${i}`), noise(`${name} ${i}`, lengthBytes));
    done += lengthBytes;
  }
  return root;
}

export interface Recognised {
  readonly fileSystem: FileSystem;
  readonly extents: Extent[];
}

/** Recognises `path` and collects its used extents; every byte of it has to be accounted for. */
export async function readUsed(path: string): Promise<Recognised> {
  await accountOfFile(path);
  const source = await openFileSource(path);
  try {
    const fileSystem = await recogniseFileSystem(source);
    if (!fileSystem) throw new Error(`${path}: nothing recognised`);
    const extents: Extent[] = [];
    for await (const batch of fileSystem.used(new AbortController().signal)) extents.push(...batch);
    return { fileSystem, extents };
  } finally {
    await source.close();
  }
}

/** What a capture takes of `path`: the used extents, or all of it where they cannot be told, with the reason. */
export async function readTaken(path: string): Promise<{ refusal: EngineError | null; extents: Extent[] }> {
  try {
    return { refusal: null, extents: (await readUsed(path)).extents };
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    return { refusal: error, extents: [{ startBytes: 0, lengthBytes: statSync(path).size }] };
  }
}

/** Copies `extents` of `from` onto a file that is 0xFF everywhere else: what was left out is gone for certain. */
export function copyOntoOnes(from: string, to: string, lengthBytes: number, extents: Extent[]): string {
  const piece = Buffer.alloc(MIB, 0xff);
  const out = openSync(to, 'w');
  for (let at = 0; at < lengthBytes; at += MIB) writeSync(out, piece, 0, Math.min(MIB, lengthBytes - at), at);
  const source = openSync(from, 'r');
  for (const { startBytes, lengthBytes: length } of extents) {
    for (let done = 0; done < length;) {
      const count = readSync(source, piece, 0, Math.min(MIB, length - done), startBytes + done);
      if (count === 0) throw new Error('used bytes past the end');
      writeSync(out, piece, 0, count, startBytes + done);
      done += count;
    }
  }
  closeSync(source);
  closeSync(out);
  return to;
}

/** The numbers of the used units (blocks, sectors) of `unitBytes`. */
export function usedUnits(extents: Extent[], unitBytes: number): Set<number> {
  const units = new Set<number>();
  for (const { startBytes, lengthBytes } of extents) {
    if (startBytes % unitBytes || lengthBytes % unitBytes)
      throw new Error(`${startBytes}+${lengthBytes}: not whole units`);
    for (let unit = startBytes / unitBytes; unit < (startBytes + lengthBytes) / unitBytes; unit++) units.add(unit);
  }
  return units;
}

/** What partclone thinks is used: the bitmap of its image, format 0002 (partclone, IMAGE_FORMATS.md). */
export function partcloneUnits(tool: string, image: string, folder: string): { unitBytes: number; used: Set<number> } {
  const out = join(folder, 'partclone.out');
  run(tool, ['-c', '-q', '-L', join(folder, 'partclone.log'), '-s', image, '-O', out]);
  const bytes = readFileSync(out);
  const totalUnits = Number(bytes.readBigUInt64LE(36 + 24));
  const unitBytes = bytes.readUInt32LE(36 + 48);
  const bitmap = bytes.subarray(110);
  const used = new Set<number>();
  for (let unit = 0; unit < totalUnits; unit++) if ((bitmap[unit >>> 3] >>> (unit & 7)) & 1) used.add(unit);
  return { unitBytes, used };
}

/** The first units that only one of both sets has. */
export function difference(a: Set<number>, b: Set<number>): { onlyFirst: number[]; onlySecond: number[] } {
  const without = (from: Set<number>, other: Set<number>) => [...from].filter((unit) => !other.has(unit)).slice(0, 20);
  return { onlyFirst: without(a, b), onlySecond: without(b, a) };
}

export const NO_DIFFERENCE = { onlyFirst: [], onlySecond: [] };
