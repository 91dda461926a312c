/** Where a path really is. */
import { realpath } from 'node:fs/promises';
import path from 'node:path';

/** Symbolic links resolved in the part of the path that exists; the rest as it is. */
export async function resolvedAsFarAsItExists(anyPath: string): Promise<string> {
  const absolute = path.resolve(anyPath);
  try {
    return await realpath(absolute);
  } catch {
    const parent = path.dirname(absolute);
    return parent === absolute ? absolute : path.join(await resolvedAsFarAsItExists(parent), path.basename(absolute));
  }
}

/** Whether `inner` is `folder` or below it; both absolute, links resolved. */
export function isInside(inner: string, folder: string): boolean {
  return inner === folder || inner.startsWith(folder.endsWith(path.sep) ? folder : folder + path.sep);
}
