/** A folder for one test file, with what was attached, mounted or started there: all of it is undone at its end. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { unmount } from './unmount.ts';

export const MIB = 1024 * 1024;

/** Whole disks, mounts and exclusive opens are tested with loop devices. */
export const canLoop = process.platform === 'linux' && process.getuid?.() === 0;
if (!canLoop) console.warn('SKIPPED: what needs loop devices and mounts, which need Linux and root');

const TOOL_TIMEOUT_MS = 180_000;

/** Runs a tool. @returns what it printed; throws with its words where it fails */
export function run(tool: string, ...args: string[]): string {
  return runWithInput('', tool, ...args);
}

export function runWithInput(input: string, tool: string, ...args: string[]): string {
  return execFileSync(tool, args, {
    input,
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'pipe'],
    maxBuffer: 64 * MIB,
    timeout: TOOL_TIMEOUT_MS,
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin`, LC_ALL: 'C', MTOOLS_SKIP_CHECK: '1' },
  });
}

export interface Workbench {
  readonly folder: string;
  /** a path in the folder */
  path(...names: string[]): string;
  /** a new sparse file of that length, filled with `fill` where it is given @returns its path */
  file(name: string, lengthBytes: number, fill?: number): string;
  /** @returns the loop device */
  attach(image: string, ...options: string[]): string;
  /** At a number that nobody gets who asks for a free one, so that another file can be attached there later. */
  attachApart(image: string): string;
  detach(device: string): void;
  /** Mounts a file or device. @returns the mount point */
  mount(what: string, options?: string): string;
  unmount(point: string): void;
  /** Does something at the end, last in first out. */
  atEnd(undo: () => unknown): void;
}

/** A folder on a disk, for what a file system in memory, where scratch of tests may lie, does otherwise. */
export const ON_DISK = '/var/tmp';

export function workbench(base = tmpdir()): Workbench {
  const folder = realpathSync(mkdtempSync(join(base, 'diskpress-test-')));
  const undo: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];
  const attached = new Set<string>();
  const mounted = new Set<string>();
  let count = 0;
  afterAll(async () => {
    for (const step of undo.reverse()) await step();
  });
  const path = (...names: string[]) => join(folder, ...names);
  const detach = (device: string) => {
    if (attached.delete(device)) run('losetup', '-d', device);
  };
  const end = (point: string) => {
    if (mounted.delete(point)) unmount(point);
  };
  return {
    folder,
    path,
    file(name, lengthBytes, fill) {
      writeFileSync(path(name), '');
      if (fill !== undefined) {
        const piece = Buffer.alloc(MIB, fill);
        for (let left = lengthBytes; left > 0; left -= MIB) {
          writeFileSync(path(name), piece.subarray(0, Math.min(left, MIB)), { flag: 'a' });
        }
      }
      truncateSync(path(name), lengthBytes);
      return path(name);
    },
    attach(image, ...options) {
      const device = run('losetup', '-f', '--show', ...options, image).trim();
      attached.add(device);
      undo.push(() => detach(device));
      return device;
    },
    attachApart(image) {
      const device = `/dev/loop${1000 + ((process.pid * 10 + count++) % 9000)}`;
      run('losetup', device, image);
      attached.add(device);
      undo.push(() => detach(device));
      return device;
    },
    detach,
    mount(what, options = 'ro') {
      const point = path(`mounted-${count++}`);
      mkdirSync(point);
      run('mount', '-o', options, what, point);
      mounted.add(point);
      undo.push(() => end(point));
      return point;
    },
    unmount: end,
    atEnd: (step) => void undo.push(step),
  };
}
