/** What is there already: a second Debian that was installed by itself, and the same disk after it was used. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { rmSync } from 'node:fs';
import { median } from '../measure.ts';
import { makeDisk, tool, withFiles } from './bench-disks.ts';
import { captureAnew, diskpress } from './commands.ts';
import { megabytes, table, type Bench } from './report.ts';

const HEAD = ['', 'alone', 'after the first', 'ratio', 'aim'];

/** Writes new content into files until about one hundredth of the used data has changed. @returns bytes written */
const changeOnePercent = (image: string, usedBytes: number) =>
  withFiles(image, (folder) => {
    const script = `
      left=$1; total=0
      find "$2" -xdev -type f -size +64k -size -4M | sort | awk 'NR % 11 == 5' | while read -r f; do
        [ "$left" -gt 0 ] || break
        size=$(stat -c %s "$f"); head -c "$size" /dev/urandom > "$f"; left=$((left - size)); total=$((total + size)); echo $total
      done | tail -n 1`;
    const args = ['-c', script, 'change', String(Math.floor(usedBytes / 100)), folder];
    return Number(execFileSync('bash', args, { encoding: 'utf8' }));
  });

export async function churn({ work, rounds, mainDisk }: Bench): Promise<string> {
  const [catalog, copy, changed] = ['catalog', 'catalog-again', 'changed.img'].map((name) => join(work, name));
  const first = await captureAnew(catalog, mainDisk());
  tool('cp', '--sparse=always', mainDisk(), changed);
  const changedBytes = await changeOnePercent(changed, first.result.processedBytes);
  const seconds: number[] = [];
  let addedBytes = 0;
  for (let round = 0; round < rounds; round++) {
    tool('rm', '-rf', copy);
    tool('cp', '-a', '--reflink=auto', catalog, copy);
    const again = await diskpress(copy, ['capture', changed, '--name', 'bench']);
    seconds.push(again.seconds);
    addedBytes = again.result.storedBytes;
  }
  for (const path of [catalog, copy, changed]) rmSync(path, { recursive: true, force: true });
  const took = median(seconds);
  return [
    'The disk of the first table, captured once more after one hundredth of it was written anew, caches cold.',
    '',
    table(
      ['', 'first', 'second', 'ratio', 'aim'],
      [
        ['time', `${first.seconds.toFixed(1)} s`, `${took.toFixed(1)} s`, (took / first.seconds).toFixed(2), '≤ 0.20'],
        [
          'written, and stored of it',
          megabytes(changedBytes),
          megabytes(addedBytes),
          (addedBytes / changedBytes).toFixed(2),
          '≤ 1.20',
        ],
      ],
    ),
  ].join('\n');
}

/** A system as its installer leaves it. @param packages beside the standard ones */
const makeDebian = (image: string, packages: string) =>
  makeDisk(image, 3 * 1024 ** 3, ['mkfs.ext4', '-q'], (folder) =>
    tool(
      'mmdebstrap',
      '--quiet',
      '--mode=root',
      '--variant=important',
      `--include=${packages}`,
      '--skip=check/empty',
      'bookworm',
      folder,
    ),
  );

export async function second({ work }: Bench): Promise<string> {
  const catalog = join(work, 'catalog');
  const debians = [
    ['debian-1.img', 'linux-image-amd64,openssh-server,python3,vim'],
    ['debian-2.img', 'linux-image-amd64,nginx-light,git,python3,rsync'],
  ] as const;
  const images = debians.map(([name]) => join(work, name));
  for (const [i, [, packages]] of debians.entries()) {
    rmSync(images[i], { force: true });
    await makeDebian(images[i], packages);
  }
  const alone = await captureAnew(catalog, images[1]);
  await captureAnew(catalog, images[0]);
  const after = await diskpress(catalog, ['capture', images[1], '--name', 'second']);
  rmSync(catalog, { recursive: true, force: true });
  for (const image of images) rmSync(image);
  const [one, other] = [alone.result.storedBytes, after.result.storedBytes];
  return [
    'Two Debian 12 that mmdebstrap installed one by one on disks of their own, with the same kernel and other programs; the second is captured alone, and into a catalog that has the first.',
    '',
    table(HEAD, [['stored', megabytes(one), megabytes(other), (other / one).toFixed(2), '≤ 0.75']]),
  ].join('\n');
}
