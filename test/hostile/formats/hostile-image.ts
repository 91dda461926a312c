/** Image files that lie: opened and read as an import would, beside files that they may and may not ask for. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { EngineError } from '../../../src-engine/core/engine-error.ts';
import type { BlockSource } from '../../../src-engine/disk/block-source.port.ts';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import type { DiskImage } from '../../../src-engine/formats/disk-image.port.ts';
import { openDiskImage } from '../../../src-engine/formats/open-image.ts';
import { noise } from '../../support/disks.ts';
import { countMutation } from '../../support/mutations.ts';
import { mutate, MUTATIONS, randomBelow, restoring, type Region } from '../filesystems/harmless.ts';
import { HANG_MS, processorTimer } from '../../support/processor-time.ts';

/** Far more than any of these images needs. */
const TIME_LIMIT_MS = 5000;
/** What is read of an image, at the most. */
const READ_BYTES_MAX = 8 * 1024 * 1024;
const WINDOW_BYTES = 1024 * 1024;

/**
 * What a format may answer to lies. `NOT_FOUND`: it asked for a plain name that is not in the folder. `FORMAT_UNCLEAR`: it may be another
 * format's, and the person is asked.
 */
const ALLOWED = ['FORMAT_INVALID', 'FORMAT_UNCLEAR', 'FORMAT_UNSUPPORTED', 'FILE_TRUNCATED', 'NOT_FOUND'];

export type Folder = ReadonlyMap<string, Buffer>;

/**
 * Opens `name` of `folder` and reads it. Every file that it asks for must be of that folder.
 * @returns 'null', 'read', or the code of the error
 */
export async function readHostileImage(folder: Folder, name: string): Promise<string> {
  const usedMs = processorTimer();
  const signal = AbortSignal.timeout(HANG_MS);
  const opened: string[] = [];
  const openSibling = async (sibling: string): Promise<BlockSource> => {
    opened.push(sibling);
    const bytes = folder.get(sibling);
    if (!bytes) throw new EngineError('NOT_FOUND', { path: sibling });
    return memorySource(bytes);
  };
  try {
    const image = await openDiskImage(memorySource(folder.get(name)!), name, openSibling, signal);
    if (!image) return 'null';
    await readAll(image, signal);
    return 'read';
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    expect(ALLOWED, error.message).toContain(error.code);
    if (error.code === 'FILE_TRUNCATED') expect(Number(error.data.missingBytes)).toBeGreaterThan(0);
    return error.code;
  } finally {
    for (const sibling of opened) expect(sibling).toMatch(/^(?!\.{1,2}$)[^/\\:\0]+$/);
    expect(opened.length).toBeLessThan(5000);
    expect(usedMs(), 'milliseconds').toBeLessThan(2 * TIME_LIMIT_MS);
  }
}

async function readAll({ source }: DiskImage, signal: AbortSignal): Promise<void> {
  expect(Number.isSafeInteger(source.lengthBytes) && source.lengthBytes >= 0).toBe(true);
  expect([512, 4096]).toContain(source.sectorBytes);
  const window = Buffer.alloc(WINDOW_BYTES);
  const ends = [0, Math.max(0, source.lengthBytes - 5000)];
  for (const at of ends) await source.readInto(at, window.subarray(0, Math.min(5000, source.lengthBytes - at)));
  let left = READ_BYTES_MAX;
  let endBytes = 0;
  for await (const batch of source.dataRuns?.(0, source.lengthBytes, signal) ?? []) {
    for (const { startBytes, lengthBytes } of batch) {
      if (startBytes < endBytes || !(lengthBytes > 0) || startBytes + lengthBytes > source.lengthBytes) {
        throw new Error(`run ${startBytes}+${lengthBytes} after ${endBytes} of ${source.lengthBytes}`);
      }
      endBytes = startBytes + lengthBytes;
      for (let at = startBytes; at < endBytes && left > 0; at += WINDOW_BYTES) {
        const piece = window.subarray(0, Math.min(WINDOW_BYTES, endBytes - at));
        await source.readInto(at, piece);
        left -= piece.length;
      }
    }
  }
}

/** A disk of 1 MiB with text, noise and holes. */
export const RAW = (() => {
  const disk = Buffer.alloc(1024 * 1024 + 512);
  noise('hostile', 100_000).copy(disk, 512);
  disk.write('hostile text '.repeat(6000), 300_000);
  noise('end', 512).copy(disk, disk.length - 512);
  return disk;
})();

/** What qemu-img makes of {@link RAW}: all files of the folder that it did it in. */
export function byQemu(name: string, format: string, ...commands: string[][]): Map<string, Buffer> {
  const folder = mkdtempSync(join(tmpdir(), 'diskpress-hostile-'));
  const run = (args: string[]) =>
    execFileSync(args[0], args.slice(1), { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  try {
    writeFileSync(join(folder, 'disk.raw'), RAW);
    for (const command of commands) run(command);
    const files = execFileSync('ls', [folder], { encoding: 'utf8' }).trim().split('\n');
    expect(files, format).toContain(name);
    return new Map(files.map((file) => [file, readFileSync(join(folder, file))]));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const NAMES = [
  '/etc/passwd',
  '../disk.raw',
  'disk.raw',
  '..',
  '.',
  '',
  'C:\\x',
  '\\\\host\\x',
  'json:{}',
  'nbd:x',
  'a/b',
  '.\\disk.raw',
  'x\0y',
];
const NUMBERS = [
  '0',
  '1',
  '-1',
  '512',
  '2049',
  '4294967295',
  '4294967296',
  '18446744073709551615',
  '99999999999999999999999',
  '1e9',
  'x',
];
const WORDS = [
  'FLAT',
  'SPARSE',
  'ZERO',
  'VMFS',
  'VMFSSPARSE',
  'SESPARSE',
  'RDONLY',
  'NOACCESS',
  'CID=fffffffe',
  'parentCID=1',
  'encoding="windows-1252"',
];

/** Changes words, numbers and quoted names of a text, and sometimes bytes. @returns a text of any length */
export function mutateText(text: string, seed: number): string {
  countMutation();
  const below = randomBelow(seed);
  let result = text;
  for (let changes = 1 + below(3); changes > 0; changes--) {
    const [pattern, choices] = [
      [/"[^"\n]*"/g, NAMES.map((name) => `"${name}"`)],
      [/\b\d+\b/g, NUMBERS],
      [/\b[A-Z]{2,}\b/g, WORDS],
      [
        /\n/g,
        [
          '',
          '\0',
          '\n\n',
          '\n# ',
          '\r',
          '\nparentFileNameHint="/etc/passwd"\nparentCID=1\n',
          '\nRW 10 FLAT "../x" 0\n',
        ],
      ],
    ][below(4)] as [RegExp, string[]];
    const found = [...result.matchAll(pattern)];
    if (found.length === 0) continue;
    const { index, 0: old } = found[below(found.length)];
    result = result.slice(0, index) + choices[below(choices.length)] + result.slice(index + old.length);
  }
  return result;
}

/** Of one kind of image; several kinds share what is asked of a format. */
export const EACH = Math.ceil(MUTATIONS / 4);

export interface Kind {
  readonly folder: Map<string, Buffer>;
  readonly name: string;
  /** a file of the folder that is changed */
  readonly changed: string;
  readonly regions: readonly Region[];
  /** puts checksums right */
  repair?(bytes: Buffer): void;
}

/** More than any of these images needs. */
const MEMORY_MAX = 300 * 1024 * 1024;

/** Every seed changes the file and reads the image, with checksums put right in three of four. */
export async function attack(
  { folder, name, changed, regions, repair }: Kind,
  count: number,
): Promise<Map<string, number>> {
  expect(await readHostileImage(folder, name)).toBe('read');
  const bytes = folder.get(changed)!;
  const before = process.memoryUsage().rss;
  const outcomes = new Map<string, number>();
  for (let seed = 0; seed < count; seed++) {
    const outcome = await restoring(bytes, pagesOf(bytes, regions), async () => {
      mutate(bytes, regions, seed);
      if (seed % 4 !== 0) repair?.(bytes);
      return readHostileImage(folder, name);
    });
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  expect(process.memoryUsage().rss - before).toBeLessThan(MEMORY_MAX);
  expect(await readHostileImage(folder, name)).toBe('read');
  // lies are noticed, and not everything is taken for one
  expect(outcomes.get('FORMAT_INVALID') ?? 0).toBeGreaterThan(0);
  expect(outcomes.get('read') ?? 0).toBeGreaterThan(0);
  return outcomes;
}

/** What a mutation and the repair after it may change. */
function pagesOf(bytes: Buffer, regions: readonly Region[]): readonly Region[] {
  const pages = new Set<number>();
  for (const [start, length] of regions)
    for (let at = start - (start % 4096); at < start + length; at += 4096) pages.add(at);
  return [...pages, Math.max(0, bytes.length - 512)].map((at) => [at, Math.min(4096, bytes.length - at)]);
}

/** Files that end anywhere: an error that says so, or a part that is not needed. */
export async function cutOff(folder: Folder, name: string, changed = name): Promise<void> {
  const whole = folder.get(changed)!;
  const cut = new Map(folder);
  for (let i = 0; i < 200; i++) {
    cut.set(changed, whole.subarray(0, Math.floor((whole.length * i) / 200) + (i % 3)));
    await readHostileImage(cut, name);
  }
}

export const hostile = (subject: string) =>
  ({ subject, feature: 'mutated headers and tables', aspect: 'hostile', judge: 'bounds' }) as const;
