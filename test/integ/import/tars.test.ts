/** An image in a tar of every kind that GNU tar writes: the same image, or refused by what it is. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { archiveTypeOf } from '../../../src-engine/archive/archive-type.ts';
import { UNPACK_LIMITS } from '../../../src-engine/archive/sparse-file.ts';
import { openFileSource } from '../../../src-engine/formats/raw/file-source.ts';
import { findImage } from '../../../src-engine/images/find-image.ts';
import { noise } from '../../support/disks.ts';
import { MIB, run, workbench } from '../../support/workbench.ts';

const bench = workbench();
const image = bench.file('disk.img', 4 * MIB);
writeFileSync(image, noise('a disk in a tar', 300_000), { flag: 'r+' });
const { signal } = new AbortController();
const tar = (name: string, ...options: string[]) => {
  execFileSync('tar', ['-cf', name, ...options, 'disk.img'], { cwd: bench.folder });
  return bench.path(name);
};

async function open(path: string) {
  const folder = bench.path('scratch');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  const scratch = { folder, limits: UNPACK_LIMITS, signal, advance() {} };
  return findImage({ path, entry: null, password: null, format: null }, scratch, signal);
}

test.each(['v7', 'oldgnu', 'gnu', 'ustar', 'posix'])('%s', async (format) => {
  const found = await open(tar(`${format}.tar`, `--format=${format}`));
  try {
    expect(found).toMatchObject({ archive: 'tar', format: 'raw', name: 'disk.img' });
    const bytes = Buffer.alloc(4 * MIB, 0xee);
    await found.image!.source.readInto(0, bytes);
    expect(bytes.equals(readFileSync(image))).toBe(true);
  } finally {
    await found.close();
  }
});

describe('with holes', () => {
  /** @param starts of pieces, in blocks of 4 KiB; all of them a piece long */
  function makeHoles(starts: readonly number[], blocks: number, tailBytes = 0): Buffer {
    const bytes = Buffer.alloc(blocks * 4096 + tailBytes);
    for (const start of starts) noise(`piece ${start}`, 4096).copy(bytes, start * 4096);
    writeFileSync(image, bytes);
    run('fallocate', '--dig-holes', image);
    return bytes;
  }

  const every = (step: number, count: number, from = 0) => Array.from({ length: count }, (_, i) => from + step * i);
  const HOLES: [string, number[], number, number][] = [
    ['a few', [3, 4, 9], 200, 0],
    ['at its beginning and end', [50], 200, 0],
    ['as many as take several headers', every(2, 120), 300, 0],
    ['so many that their list is longer than a block', every(3, 700, 1), 3000, 0],
    ['of no whole sector at its end', [0, 299], 300, 100],
  ];
  const WAYS: [string, string[]][] = [
    ['oldgnu', ['tar', '--format=oldgnu', '-S', '--hole-detection=raw', '-cf']],
    ['gnu', ['tar', '--format=gnu', '-S', '--hole-detection=raw', '-cf']],
    ...['0.0', '0.1', '1.0'].map((version): [string, string[]] => [
      `pax ${version}`,
      ['tar', '--format=posix', '-S', `--sparse-version=${version}`, '--hole-detection=raw', '-cf'],
    ]),
    ['bsdtar', ['bsdtar', '--format=pax', '-cf']],
  ];

  describe.each(WAYS)('%s', (way, [tool, ...options]) => {
    test.each(HOLES)('%s', async (_, starts, blocks, tailBytes) => {
      const bytes = makeHoles(starts, blocks, tailBytes);
      const path = bench.path('sparse.tar');
      execFileSync(tool, [...options, path, 'disk.img'], { cwd: bench.folder });
      expect(execFileSync('tar', ['-xOf', path], { maxBuffer: 64 * MIB }).equals(bytes), 'by tar').toBe(true);
      const found = await open(path);
      try {
        expect(found).toMatchObject({ archive: 'tar', name: 'disk.img' });
        const { source } = found.image!;
        const read = Buffer.alloc(source.lengthBytes, 0xee);
        await source.readInto(0, read);
        expect(read.equals(bytes), way).toBe(true);
        let held = 0;
        for await (const runs of source.dataRuns!(0, source.lengthBytes, signal))
          for (const { lengthBytes } of runs) held += lengthBytes;
        expect(held, 'holes are holes').toBeLessThanOrEqual((starts.length + 1) * 4096 + 512);
      } finally {
        await found.close();
      }
    });
  });

  test('an image that is packed inside of a tar with holes that is packed', async () => {
    const bytes = makeHoles([3, 7], 300);
    execFileSync('sh', ['-c', 'tar --format=posix -S --hole-detection=raw -cf - disk.img | zstd -q > s.tar.zst'], {
      cwd: bench.folder,
    });
    const found = await open(bench.path('s.tar.zst'));
    const read = Buffer.alloc(bytes.length);
    await found.image!.source.readInto(0, read);
    await found.close();
    expect(read.equals(bytes)).toBe(true);
  });

  /** Sums of headers that were changed are made right again, as whoever lies would. */
  function changed(options: string[], change: (tar: Buffer) => void): string {
    makeHoles([3, 4, 9], 200);
    const path = tar('lie.tar', '-S', '--hole-detection=raw', ...options);
    const bytes = readFileSync(path);
    change(bytes);
    for (let at = 0; at < 4096; at += 512) {
      const header = bytes.subarray(at, at + 512);
      if (header.toString('latin1', 257, 262) !== 'ustar') continue;
      header.write('        ', 148);
      const sum = header.reduce((all, byte) => all + byte, 0);
      header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    }
    writeFileSync(path, bytes);
    return path;
  }

  const put = (bytes: Buffer, from: string, to: string) => {
    expect(bytes.includes(from), from).toBe(true);
    bytes.write(to, bytes.indexOf(from), 'latin1');
  };
  const LIES: [string, string[], (tar: Buffer) => void, RegExp][] = [
    ['old: a piece behind the end', ['--format=gnu'], (b) => b.write('77777777777', 386), /sparse offset/],
    ['old: pieces that overlap', ['--format=gnu'], (b) => b.write('00000000000', 386 + 24), /sparse offset/],
    ['old: a length of nonsense', ['--format=gnu'], (b) => b.write('zzzzzzzzzzz', 398), /sparse length/],
    ['old: less than is stored', ['--format=gnu'], (b) => b.write('00000000001', 398), /sparse pieces/],
    ['old: a length below nothing', ['--format=gnu'], (b) => b.fill(0xff, 483, 495), /realsize/],
    ['old: more headers than there are', ['--format=gnu'], (b) => b.fill(1, 482, 483), /sparse/],
    ['old: of star', ['--format=gnu'], (b) => b.write('ustar\x0000', 257, 'latin1'), /other programs/],
    ['0.0: other numbers than it tells', V('0.0'), (b) => put(b, 'numblocks=3', 'numblocks=4'), /numblocks/],
    ['0.0: lengths without offsets', V('0.0'), (b) => put(b, 'GNU.sparse.offset', 'GNU.sparse.offsex'), /numbytes/],
    ['0.1: a piece behind the end', V('0.1'), (b) => put(b, 'map=12288', 'map=92288'), /sparse (offset|length)|numbl/],
    ['0.1: a shorter file', V('0.1'), (b) => put(b, 'size=819200', 'size=000200'), /sparse (offset|length)/],
    ['1.0: a later version', V('1.0'), (b) => put(b, 'major=1', 'major=3'), /version 3\.0/],
    ['1.0: pieces without end', V('1.0'), (b) => put(b, '\n4096\n', '\n4zz6\n'), /sparse map/],
  ];

  test.each(LIES)('%s is refused', async (_, options, change, words) => {
    const error = await open(changed(options, change)).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: expect.stringMatching(/^FORMAT_(INVALID|UNSUPPORTED)$/) });
    expect(JSON.stringify(error.data)).toMatch(words);
  });

  test('cut off in its data', async () => {
    makeHoles(every(2, 100), 300);
    const path = tar('cut.tar', '-S', '--hole-detection=raw', '--format=gnu');
    truncateSync(path, 100_000);
    await expect(open(path)).rejects.toMatchObject({ code: 'FILE_TRUNCATED' });
  });
});

function V(version: string): string[] {
  return ['--format=posix', `--sparse-version=${version}`];
}

test('the first sector of a disk is no tar', async () => {
  run('sh', '-c', `echo 2048,,83 | sfdisk -q ${image}`);
  const source = await openFileSource(image);
  expect(await archiveTypeOf(source)).toBeNull();
  await source.close();
});
