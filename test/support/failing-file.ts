/** A file that answers some reads with EIO, as a disk with bad sectors does: nbdkit serves it, nbdfuse shows it as a file. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { vi } from 'vitest';
import { run, type Workbench } from './workbench.ts';

export const canFail = ['nbdkit', 'nbdfuse'].every((tool) => existsSync(join('/usr/bin', tool)));
if (!canFail) console.warn('SKIPPED: what needs a disk with bad sectors: nbdkit and nbdfuse are not installed');

/**
 * @param bad ranges of bytes that cannot be read: [start, end)
 * @returns the path of the failing file
 */
export function failingFile(
  bench: Workbench,
  image: string,
  bad: readonly (readonly [number, number])[],
): Promise<string> {
  const fails = bad.map(([start, end]) => `[ $4 -lt ${end} ] && [ $(($4+$3)) -gt ${start} ]`);
  return servedFile(bench, image, ...fails.map((test) => `if ${test}; then echo EIO bad sector >&2; exit 1; fi`));
}

/**
 * A file whose reads take a second each, as those of a disk that fails do.
 * @returns its path, and that of a file which is there from the first read on
 */
export async function sluggishFile(bench: Workbench, image: string): Promise<{ path: string; isRead: string }> {
  const isRead = `${image}.is-read`;
  return { path: await servedFile(bench, image, `: > '${isRead}'`, 'sleep 1'), isRead };
}

/** @param first what a shell does before each read: of $3 bytes at $4 */
async function servedFile(bench: Workbench, image: string, ...first: string[]): Promise<string> {
  const folder = bench.path(`served-${Math.random().toString(36).slice(2)}`);
  mkdirSync(folder);
  const script = [
    ...first,
    `exec dd if='${image}' skip=$4 count=$3 iflag=skip_bytes,count_bytes bs=1M 2>/dev/null`,
  ].join('; ');
  const args = [join(folder, 'disk'), '--command', 'nbdkit', '-s', 'eval'];
  const child = spawn('nbdfuse', [...args, `get_size=stat -Lc %s '${image}'`, `pread=${script}`], { stdio: 'ignore' });
  bench.atEnd(async () => {
    // whoever copies the mounts of this machine for a moment, to have some of its own, holds what lies on this one
    await vi.waitFor(() => run('fusermount', '-u', folder), { timeout: 30_000, interval: 200 });
    child.kill();
  });
  const path = join(folder, 'disk');
  for (let tries = 0; !existsSync(path); tries++) {
    if (tries > 100) throw new Error('nbdfuse shows no file');
    await setTimeout(50);
  }
  return path;
}
