/** Files that fail as disks do: some of their reads end with EIO, or their writes do not do what they say. nbdkit serves them, nbdfuse shows them. */
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

/**
 * A disk whose writes begin with what a shell says, of the $3 bytes that come for $4; then dd writes what comes at $at.
 * @returns the device, which reads what `image` holds, and no cache of the kernel
 */
export async function faultyDevice(bench: Workbench, image: string, write: string): Promise<string> {
  const dd = `exec dd of='${image}' seek=$at conv=notrunc oflag=seek_bytes bs=1M 2>/dev/null`;
  const calls = [`pwrite=at=$4; ${write} ${dd}`, 'can_write=exit 0', 'can_flush=exit 0', 'flush=exit 0'];
  return bench.attach(await served(bench, image, [], calls), '--direct-io=on');
}

/** @param first what a shell does before each read: of $3 bytes at $4 */
const servedFile = (bench: Workbench, image: string, ...first: string[]) => served(bench, image, first, []);

/** @param calls more of what nbdkit is to answer, see nbdkit-eval-plugin(1) */
async function served(
  bench: Workbench,
  image: string,
  first: readonly string[],
  calls: readonly string[],
): Promise<string> {
  const folder = bench.path(`served-${Math.random().toString(36).slice(2)}`);
  mkdirSync(folder);
  const script = [
    ...first,
    `exec dd if='${image}' skip=$4 count=$3 iflag=skip_bytes,count_bytes bs=1M 2>/dev/null`,
  ].join('; ');
  const args = [join(folder, 'disk'), '--command', 'nbdkit', '-s', 'eval'];
  const answers = [`get_size=stat -Lc %s '${image}'`, `pread=${script}`, ...calls];
  const child = spawn('nbdfuse', [...args, ...answers], { stdio: 'ignore' });
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
