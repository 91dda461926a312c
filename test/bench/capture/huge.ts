/** What a capture needs in memory for disks of 1, 100 and 1,000 GB: the same content over and over, so that one machine can hold them. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { tool } from './bench-disks.ts';
import { captureAnew } from './commands.ts';
import { makeMixed } from './growth.ts';
import { megabytes, table, type Bench } from './report.ts';

const GIB = 2 ** 30;

export async function huge({ work }: Bench): Promise<string> {
  const [image, folder, catalog] = ['reflinks.img', 'reflinks', 'catalog'].map((name) => join(work, name));
  const [piece, disk] = [join(folder, 'piece'), join(folder, 'disk')];
  const rows: string[][] = [];
  tool('truncate', '-s', `${8 * GIB}`, image);
  tool('mkfs.xfs', '-q', '-f', image);
  mkdirSync(folder, { recursive: true });
  tool('mount', '-o', 'loop', image, folder);
  try {
    const parts = join(folder, 'parts');
    mkdirSync(parts);
    makeMixed(parts, GIB);
    execFileSync('sh', ['-c', 'cat "$1"/* | head -c "$2" > "$3"', 'piece', parts, `${GIB}`, piece]);
    rmSync(parts, { recursive: true });
    for (const gibibytes of [1, 100, 1000]) {
      rmSync(disk, { force: true });
      const pieces = Array.from({ length: gibibytes }, (_, i) => `reflink ${piece} 0 ${i * GIB} ${GIB}\n`);
      execFileSync('xfs_io', ['-f', disk], { input: pieces.join(''), stdio: ['pipe', 'ignore', 'inherit'] });
      const { seconds, busySeconds, peakMegabytes, result } = await captureAnew(catalog, disk);
      rows.push([
        `${gibibytes} GiB`,
        `${seconds.toFixed(0)} s`,
        `${busySeconds.toFixed(0)} s`,
        megabytes(result.storedBytes),
        `${peakMegabytes.toFixed(0)} MB`,
      ]);
      console.log(rows.at(-1)!.join(' '));
    }
  } finally {
    tool('umount', folder);
    tool('rmdir', folder);
    rmSync(image);
    rmSync(catalog, { recursive: true, force: true });
  }
  return [
    'A disk image of one gibibyte of the mixture, again and again (reflinks of XFS), captured whole: all of it is read, cut and hashed, and the first of it is stored. Once each; peak memory is to be below 400 MB.',
    '',
    table(['length', 'takes', 'processors', 'stored', 'peak memory'], rows),
  ].join('\n');
}
