/** Whether a path leads into the catalog, by whatever name: compared by device and inode, not by path. */
import { lstat, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { isInside, resolvedAsFarAsItExists } from './paths.ts';

/** More files than any catalog has; what lies behind is not looked at. */
const MAX_FILES = 1_000_000;

/**
 * @param anyPath a file or folder that need not exist yet
 * @returns true where it, or a folder that it is in, is the catalog's folder or anything in that: by another mount of it, a second name
 *   of a file, a link
 */
export async function isInCatalog(anyPath: string, catalogRoot: string): Promise<boolean> {
  const realPath = await resolvedAsFarAsItExists(anyPath);
  if (isInside(realPath, await resolvedAsFarAsItExists(catalogRoot))) return true;
  const wanted = await identitiesUpwards(realPath);
  const root = await stat(catalogRoot, { bigint: true }).catch(() => null);
  if (!root) return false;
  if (wanted.has(keyOf(root))) return true;
  return holdsAny(catalogRoot, wanted);
}

/** @param identities as {@link keyOf} makes them @returns whether any of them is the catalog's folder or in it */
export async function catalogHolds(catalogRoot: string, identities: ReadonlySet<string>): Promise<boolean> {
  const root = await stat(catalogRoot, { bigint: true }).catch(() => null);
  return root !== null && (identities.has(keyOf(root)) || holdsAny(catalogRoot, identities));
}

/** A file as the kernel knows it. */
export function keyOf({ dev, ino }: { readonly dev: bigint; readonly ino: bigint }): string {
  return `${dev}:${ino}`;
}

async function identitiesUpwards(start: string): Promise<Set<string>> {
  const found = new Set<string>();
  for (let at = start; ; at = path.dirname(at)) {
    const stats = await stat(at, { bigint: true }).catch(() => null);
    if (stats) found.add(keyOf(stats));
    if (at === path.dirname(at)) return found;
  }
}

async function holdsAny(root: string, wanted: ReadonlySet<string>): Promise<boolean> {
  const folders = [root];
  let looked = 0;
  for (const folder of folders) {
    for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
      if (++looked > MAX_FILES) return false;
      const full = path.join(folder, entry.name);
      const stats = await lstat(full, { bigint: true }).catch(() => null);
      if (stats && wanted.has(keyOf(stats))) return true;
      if (entry.isDirectory()) folders.push(full);
    }
  }
  return false;
}
