/** What a disk of more content costs, and one of none. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { rmSync } from 'node:fs';
import { makeDisk } from './bench-disks.ts';
import { captureAnew } from './commands.ts';
import { table, type Bench } from './report.ts';

const GB = 1e9;
const MIXED_BYTES = 100e6;

/** Half noise, half digits: no piece of it is there twice, so nothing is saved by having been seen. */
export function makeMixed(folder: string, lengthBytes: number): void {
  for (let i = 0; i * MIXED_BYTES < lengthBytes; i++) {
    const script = `{ head -c ${MIXED_BYTES / 2} /dev/urandom; head -c ${MIXED_BYTES / 4} /dev/urandom | od -An -v -tu1 | head -c ${MIXED_BYTES / 2}; } > "$1"`;
    execFileSync('sh', ['-c', script, 'mixed', join(folder, `${i}`)]);
  }
}

export async function growth({ work }: Bench): Promise<string> {
  const disk = join(work, 'growing.img');
  const catalog = join(work, 'catalog');
  const rows: string[][] = [];
  for (const usedBytes of [GB, 4 * GB, 16 * GB]) {
    rmSync(disk, { force: true });
    await makeDisk(disk, Math.ceil(usedBytes * 1.1) + 2 ** 29, ['mkfs.ext4', '-q'], (folder) =>
      makeMixed(folder, usedBytes),
    );
    const { seconds, busySeconds, peakMegabytes, result } = await captureAnew(catalog, disk);
    const perGB = (value: number) => ((value * GB) / result.processedBytes).toFixed(2);
    rows.push([
      `${(result.processedBytes / GB).toFixed(1)} GB`,
      `${seconds.toFixed(1)} s`,
      `${perGB(seconds)} s`,
      `${perGB(busySeconds)} s`,
      `${peakMegabytes.toFixed(0)} MB`,
    ]);
    console.log(rows.at(-1)!.join(' '));
  }
  rmSync(disk);
  const huge = join(work, 'huge.img');
  execFileSync('truncate', ['-s', '2T', huge]);
  execFileSync('mkfs.ext4', ['-q', '-F', '-E', 'lazy_itable_init=1', huge]);
  const empty = await captureAnew(catalog, huge);
  rmSync(huge);
  rmSync(catalog, { recursive: true, force: true });
  rows.push(['2 TiB, empty', `${empty.seconds.toFixed(1)} s`, '', '', `${empty.peakMegabytes.toFixed(0)} MB`]);
  return [
    'Captures of disks with more and more of the same mixture (half noise, half digits), caches cold, once each. Peak memory is to be below 400 MB.',
    '',
    table(['used', 'takes', 'for 1 GB', 'processors, for 1 GB', 'peak memory'], rows),
  ].join('\n');
}
