/** Virtual disks of other programs, read, and compared with what those programs read in them. */
import { closeSync, ftruncateSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { expect } from 'vitest';
import type { Extent } from '../../../src-engine/disk/block-source.port.ts';
import type { DiskImage } from '../../../src-engine/formats/disk-image.port.ts';
import { openDiskImage } from '../../../src-engine/formats/open-image.ts';
import { openFileSource } from '../../../src-engine/formats/raw/file-source.ts';
import { filesOfFolder } from '../../../src-engine/formats/raw/folder-files.ts';
import { noise } from '../../support/disks.ts';
import { randomBelow } from '../../support/temporary.ts';
import { MIB, run, type Workbench } from '../../support/workbench.ts';

/** Not a multiple of any cluster. */
export const DISK_BYTES = 20 * MIB + 7 * 512;

/** A raw disk with text, noise, zeros that were written, single sectors, and holes. @returns its path */
export function makeRaw(bench: Workbench, name: string, seed = name, lengthBytes = DISK_BYTES): string {
  const path = bench.path(name);
  const file = openSync(path, 'w');
  ftruncateSync(file, lengthBytes);
  const put = (at: number, bytes: Buffer) => writeSync(file, bytes, 0, bytes.length, at);
  put(0, Buffer.from(`${seed} `.repeat(40_000)));
  put(MIB + 512, noise(seed, 700_000));
  put(4 * MIB - 512, noise(`${seed} sector`, 1024));
  put(6 * MIB, noise(`${seed} blocks`, 2 * MIB));
  put(9 * MIB, Buffer.alloc(MIB));
  put(11 * MIB + 4096, Buffer.from(noise(`${seed} text`, 400_000).toString('hex')));
  put(lengthBytes - 512, noise(`${seed} end`, 512));
  closeSync(file);
  return path;
}

/** Opens an image by its path, with the files beside it. */
export async function openImage(path: string): Promise<DiskImage> {
  const file = await openFileSource(path);
  try {
    const signal = new AbortController().signal;
    const image = await openDiskImage(file, basename(path), filesOfFolder(dirname(path)), signal);
    if (!image) throw new Error(`${path} was not recognised`);
    return image;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** What qemu-img reads in an image. @param format in qemu-img's word */
export function readByQemu(bench: Workbench, path: string, format: string): Buffer {
  const out = bench.path('by-qemu.raw');
  run('qemu-img', 'convert', '-f', format, '-O', 'raw', path, out);
  const bytes = readFileSync(out);
  rmSync(out);
  return bytes;
}

/** Reads an image as a whole, by its runs of data, and here and there; everything must be as expected. @returns what was opened */
export async function expectContent(
  path: string,
  expected: Buffer,
): Promise<DiskImage & { readonly dataBytes: number }> {
  const image = await openImage(path);
  try {
    const { source } = image;
    expect(source.lengthBytes).toBe(expected.length);
    const whole = Buffer.alloc(expected.length, 0xee);
    const windows: Promise<void>[] = [];
    for (let at = 0; at < whole.length; at += 8 * MIB) {
      windows.push(source.readInto(at, whole.subarray(at, at + 8 * MIB)));
    }
    await Promise.all(windows);
    expectEqual(whole, expected, 'whole');
    const dataBytes = await expectRuns(image, expected);
    await expectPieces(image, expected);
    return { ...image, dataBytes };
  } finally {
    await image.source.close();
  }
}

async function expectRuns({ source }: DiskImage, expected: Buffer): Promise<number> {
  if (!source.dataRuns) return expected.length;
  const runs: Extent[] = [];
  for await (const batch of source.dataRuns(0, expected.length, new AbortController().signal)) runs.push(...batch);
  const sparse = Buffer.alloc(expected.length);
  let endBytes = 0;
  let dataBytes = 0;
  for (const { startBytes, lengthBytes } of runs) {
    expect(startBytes).toBeGreaterThanOrEqual(endBytes);
    expect(lengthBytes).toBeGreaterThan(0);
    endBytes = startBytes + lengthBytes;
    dataBytes += lengthBytes;
    await source.readInto(startBytes, sparse.subarray(startBytes, endBytes));
  }
  expectEqual(sparse, expected, 'runs of data');
  return dataBytes;
}

async function expectPieces({ source }: DiskImage, expected: Buffer): Promise<void> {
  const below = randomBelow(expected.length);
  for (let i = 0; i < 60; i++) {
    const at = below(expected.length);
    const piece = Buffer.alloc(Math.min(expected.length - at, 1 + below(i % 2 ? 3000 : 300_000)), 0xee);
    await source.readInto(at, piece);
    expectEqual(piece, expected.subarray(at, at + piece.length), `piece at ${at}`);
  }
}

/** Says where the first difference is, which a comparison of megabytes by the test runner takes minutes for. */
export function expectEqual(found: Buffer, expected: Buffer, what: string): void {
  if (found.equals(expected)) return;
  const at = found.findIndex((byte, i) => byte !== expected[i]);
  throw new Error(`${what}: different at ${at}, lengths ${found.length} and ${expected.length}`);
}

/** Reads an image of qemu-img's and compares it with what qemu-img reads in it. */
export async function expectAsQemu(bench: Workbench, path: string, format: string) {
  return expectContent(path, readByQemu(bench, path, format));
}
