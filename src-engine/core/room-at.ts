/** What a place still takes. */
import { readFileSync, statSync, statfsSync, type StatsFs } from 'node:fs';
import { dirname } from 'node:path';

/** Bytes that this user may still write where `path` is or would be; nothing where that cannot be told. */
export function roomAt(path: string): { freeBytes?: number } {
  const stats = fileSystemOf(path);
  return stats ? { freeBytes: stats.bavail * stats.bsize } : {};
}

export function isDevice(path: string): boolean {
  const stat = path === '' ? undefined : statSync(path, { throwIfNoEntry: false });
  return stat !== undefined && (stat.isBlockDevice() || stat.isCharacterDevice());
}

/** f_type of statfs(2): FAT, whose directories have 32 bits for a length. */
const FAT = 0x4d44;
const MAX_FAT_BYTES = 2 ** 32 - 1;

/** The length that no file may have more than where `path` is or would be; nothing where that cannot be told. */
export function largestFileAt(path: string): { maxBytes?: number } {
  const limits = [ownLimitBytes(), fileSystemOf(path)?.type === FAT ? MAX_FAT_BYTES : Infinity];
  const maxBytes = Math.min(...limits);
  return Number.isSafeInteger(maxBytes) ? { maxBytes } : {};
}

/** What the system lets this process write into one file (`ulimit -f`). Source: proc_pid_limits(5). */
function ownLimitBytes(): number {
  try {
    const found = /^Max file size +(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'));
    return found ? Number(found[1]) : Infinity;
  } catch {
    return Infinity;
  }
}

function fileSystemOf(path: string): StatsFs | null {
  if (path === '') return null;
  for (let place = path; ; place = dirname(place)) {
    try {
      return statfsSync(place);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || place === dirname(place)) return null;
    }
  }
}
