/**
 * Small reads of sysfs and procfs. They are answered from the kernel's memory and never wait for a medium, so they are made
 * synchronously: a listing makes thousands.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** Where the kernel's files are; another place in tests. */
export interface KernelRoots {
  readonly sys: string;
  readonly proc: string;
  readonly dev: string;
  /** udev's database, which is absent where no udev runs */
  readonly udev: string;
}

export const KERNEL_ROOTS: KernelRoots = { sys: '/sys', proc: '/proc', dev: '/dev', udev: '/run/udev/data' };

/** @returns the text without white space around it; '' where there is no such file or it cannot be read */
export function attribute(...segments: string[]): string {
  return bytesOf(...segments)
    .toString('utf8')
    .trim();
}

/** @returns no bytes where there is no such file or it cannot be read */
export function bytesOf(...segments: string[]): Buffer {
  try {
    return readFileSync(path.join(...segments));
  } catch {
    return Buffer.alloc(0);
  }
}

/** @returns the names in a folder; none where there is no such folder or it cannot be read */
export function names(...segments: string[]): string[] {
  try {
    return readdirSync(path.join(...segments));
  } catch {
    return [];
  }
}

/** Paths in /proc/self/mountinfo and /proc/swaps have white space and backslashes as three octal digits (proc(5)). */
export function unescaped(field: string): string {
  return field.replace(/(?:\\[0-3][0-7]{2})+/g, (run) =>
    Buffer.from(
      run
        .split('\\')
        .slice(1)
        .map((octal) => parseInt(octal, 8)),
    ).toString('utf8'),
  );
}
