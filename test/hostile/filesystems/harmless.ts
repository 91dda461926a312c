/** What hostile bytes may lead to, and ways to make them. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { expect } from 'vitest';
import { countMutation } from '../../support/mutations.ts';
import { EngineError } from '../../../src-engine/core/engine-error.ts';
import type { BlockSource } from '../../../src-engine/disk/block-source.port.ts';
import type { FileSystem } from '../../../src-engine/filesystems/file-system.port.ts';
import { recogniseFileSystem } from '../../../src-engine/filesystems/recognise.ts';
import { recogniseSignature } from '../../../src-engine/filesystems/signatures.ts';
import { walkHostile, type Walk } from './harmless-tree.ts';
import { HANG_MS, processorTimer } from '../../support/processor-time.ts';

/** Mutations of each kind of metadata in one run. A longer search: DISKPRESS_MUTATIONS=100000. */
export const MUTATIONS = Number(process.env.DISKPRESS_MUTATIONS ?? 1000);

/** Far more than any of these images needs. */
const TIME_LIMIT_MS = 5000;

/**
 * Reads `volume` as a capture would, and looks into its files where it has any. Allowed: nothing recognised, values in
 * bounds, or errors that say that the format is invalid or unsupported, in bounded time.
 * @returns what came of the capture
 */
export async function readHostile(volume: BlockSource): Promise<string> {
  return (await examineHostile(volume)).outcome;
}

/** Like {@link readHostile}; says also what came of the walk through the files. */
export async function examineHostile(volume: BlockSource): Promise<{ outcome: string; walk: Walk | null }> {
  const usedMs = processorTimer();
  const timeout = AbortSignal.timeout(HANG_MS);
  let walk: Walk | null = null;
  await recogniseSignature(volume);
  try {
    const fileSystem = await recogniseFileSystem(volume);
    if (!fileSystem) return { outcome: 'null', walk };
    // what its bitmaps say and what its files say are two things: each is asked for, whatever came of the other
    walk = await walkHostile(fileSystem, volume, timeout);
    await readUsed(fileSystem, volume, timeout);
    return { outcome: fileSystem.captureAs, walk };
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    expect(['FORMAT_INVALID', 'FORMAT_UNSUPPORTED']).toContain(error.code);
    return { outcome: error.code, walk };
  } finally {
    expect(usedMs(), 'milliseconds').toBeLessThan(2 * TIME_LIMIT_MS);
  }
}

async function readUsed(fileSystem: FileSystem, volume: BlockSource, signal: AbortSignal): Promise<void> {
  let endBytes = 0;
  for await (const batch of fileSystem.used(signal)) {
    for (const { startBytes, lengthBytes } of batch) {
      if (startBytes < endBytes || !(lengthBytes > 0) || startBytes + lengthBytes > volume.lengthBytes) {
        throw new Error(`extent ${startBytes}+${lengthBytes} after ${endBytes} of ${volume.lengthBytes}`);
      }
      endBytes = startBytes + lengthBytes;
    }
  }
}

/** A volume that claims a length and is zero behind `bytes`: how a lie about sizes meets a disk that is large enough for it. */
export function claimedVolume(bytes: Uint8Array, lengthBytes: number): BlockSource {
  return {
    lengthBytes,
    sectorBytes: 512,
    physicalSectorBytes: 512,
    async readInto(offsetBytes, into) {
      // As a disk does: others get their turn.
      await setImmediate();
      into.fill(0).set(bytes.subarray(offsetBytes, offsetBytes + into.length));
    },
    async close() {},
  };
}

/**
 * The bytes of a fresh image that `tool` has made.
 * @param script commands for debugfs, which then writes to the image
 */
export function madeBy(tool: string, args: string[], lengthBytes: number, script = ''): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'diskpress-hostile-'));
  try {
    const image = join(folder, 'image');
    writeFileSync(image, '', { mode: 0o600 });
    truncateSync(image, lengthBytes);
    const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
    execFileSync(tool, [...args, image], { stdio: ['ignore', 'ignore', 'pipe'], env });
    if (script) execFileSync('debugfs', ['-w', '-f', '-', image], { input: script, stdio: 'pipe', env });
    return readFileSync(image);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Numbers in [0, limit) that are the same for the same seed (mulberry32). */
export function randomBelow(seed: number): (limit: number) => number {
  let state = seed >>> 0;
  return (limit) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * limit);
  };
}

const EXTREMES = [0, 1, 2, 3, 0x7f, 0xff, 0x100, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];

export type Region = readonly [start: number, length: number];

/** Lets `use` change `regions` of `bytes`, then puts back what was there: quicker than a copy of an image for each mutation. */
export async function restoring<T>(bytes: Buffer, regions: readonly Region[], use: () => Promise<T>): Promise<T> {
  const saved = regions.map(([start, length]) => Buffer.from(bytes.subarray(start, start + length)));
  try {
    return await use();
  } finally {
    regions.forEach(([start], i) => saved[i].copy(bytes, start));
  }
}

/** Changes one to four things inside one of `regions` of `bytes`: bits, bytes, whole numbers, runs. */
export function mutate(bytes: Buffer, regions: readonly Region[], seed: number): void {
  countMutation();
  const below = randomBelow(seed);
  for (let changes = 1 + below(4); changes > 0; changes--) {
    const [start, length] = regions[below(regions.length)];
    const at = start + below(length - 8);
    const kind = below(6);
    if (kind === 0) bytes[at] ^= 1 << below(8);
    if (kind === 1) bytes[at] = below(256);
    if (kind === 2) bytes.writeUInt32LE(EXTREMES[below(EXTREMES.length)], at - (at % 4));
    if (kind === 3) bytes.writeUInt16LE(EXTREMES[below(8)], at - (at % 2));
    if (kind === 4) bytes.fill(below(2) * 0xff, at, Math.min(at + below(64), start + length));
    if (kind === 5) bytes.writeUInt32LE(below(2 ** 32), at - (at % 4));
  }
}
