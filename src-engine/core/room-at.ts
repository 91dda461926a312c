import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';

/** Bytes that this user may still write where `path` is or would be; nothing where that cannot be told. */
export function roomAt(path: string): { freeBytes?: number } {
  if (path === '') return {};
  for (let place = path; ; place = dirname(place)) {
    try {
      const { bavail, bsize } = statfsSync(place);
      return { freeBytes: bavail * bsize };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || place === dirname(place)) return {};
    }
  }
}
