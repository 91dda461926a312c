/** The disks of the benchmark, made where they are missing: each of one partition with one file system, and files of this machine. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';

const PARTITION_START_BYTES = 2048 * 512;

export const tool = (name: string, ...args: string[]) =>
  execFileSync(name, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 2 ** 26 }).trim();

/** Made under another name, so that half of one is none. */
export function made(path: string, make: (path: string) => void): string {
  if (existsSync(path)) return path;
  const making = `${path}.making`;
  tool('rm', '-rf', making);
  make(making);
  renameSync(making, path);
  return path;
}

/** @param use is given a loop device of the only partition */
export async function withPartition<T>(image: string, use: (loop: string) => T): Promise<Awaited<T>> {
  const length = Math.floor((statSync(image).size - 34 * 512 - PARTITION_START_BYTES) / 4096) * 4096;
  const loop = tool('losetup', '-f', '--show', '-o', `${PARTITION_START_BYTES}`, '--sizelimit', `${length}`, image);
  try {
    return await use(loop);
  } finally {
    tool('losetup', '-d', loop);
  }
}

/** @param use is given the folder where its files are @param type of mount(8), where it cannot tell by itself */
export async function withFiles<T>(image: string, use: (folder: string) => T, type?: string): Promise<Awaited<T>> {
  return withPartition(image, async (loop) => {
    const folder = `${image}.mount`;
    mkdirSync(folder, { recursive: true });
    tool('mount', ...(type ? ['-t', type] : []), loop, folder);
    try {
      return await use(folder);
    } finally {
      tool('umount', folder);
      tool('rmdir', folder);
    }
  });
}

/** @param makeFileSystem with its options; the device is appended */
export async function makeDisk(
  image: string,
  lengthBytes: number,
  makeFileSystem: readonly string[],
  fill: (folder: string) => void,
  mountType?: string,
): Promise<void> {
  tool('truncate', '-s', `${lengthBytes}`, image);
  tool('sgdisk', '-n1:2048:0', '-t1:8300', image);
  const [program, ...options] = makeFileSystem;
  await withPartition(image, (loop) => tool(program, ...options, loop));
  await withFiles(image, fill, mountType);
}

/** Files of this machine's /usr, the same at each call, until there are so many megabytes. */
export function copyFiles(folder: string, megabytes: number): void {
  const list = `cd / && find ./usr -xdev -type f -size -64M -printf '%s %p\\n' | sort -k2 | awk -v left=$(($1 * 1000000)) '{ left -= $1; if (left < 0) exit; sub(/^[0-9]+ /, ""); print }'`;
  execFileSync('bash', ['-c', `${list} | cpio -pdm --quiet "$2" 2>/dev/null || true`, 'copy', `${megabytes}`, folder]);
}

/** What a camera or an archive leaves: nothing to compress. */
export function makeNoise(folder: string, files: number, megabytes: number): void {
  for (let i = 0; i < files; i++)
    execFileSync('sh', ['-c', `head -c ${megabytes}M /dev/urandom > "$1"`, 'noise', join(folder, `${i}.mp4`)]);
}
