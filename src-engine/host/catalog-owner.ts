/** What root has made in a person's catalog becomes that person's: they go on with it without root's rights. */
import { constants } from 'node:fs';
import { lstat, open, readdir } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { holdFolder, HeldFolder } from '../core/held-folder.ts';
import type { Person } from './person.ts';
import { isRoot } from '../core/is-root.ts';

const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;

/** Folders of a catalog lie in two levels, what is made beside them in one more. */
const MAX_DEPTH = 4;

type Owner = Pick<Person, 'uid' | 'gid'>;

/**
 * Does nothing where this is not root, or the catalog is root's own. No link is followed, and a file with a second name, which may be one of
 * root's elsewhere, stays root's. What cannot be given stays as it is.
 * @param root the catalog's folder
 */
export async function giveToOwner(root: string, person: Person | null): Promise<void> {
  if (process.platform !== 'linux' || !isRoot()) return;
  const path = resolve(root);
  const there = await lstat(path).catch(() => null);
  if (!there?.isDirectory()) return;
  const made = person ? foldersBelow(person.home, path) : [];
  const owner: Owner | null = made.length > 0 ? person : there.uid === 0 ? null : there;
  if (!owner) return;
  for (const way of made) {
    await within(dirname(way), (folder) => giveOne(folder.at(basename(way)), owner, O_DIRECTORY));
  }
  await within(path, (folder) => giveWithin(folder, owner, 0));
}

/** @returns the path and the folders on the way to it, from below `home` on; none where it is not in there */
function foldersBelow(home: string, path: string): string[] {
  const way = relative(home, path);
  const steps = way === '' || isAbsolute(way) ? [] : way.split('/');
  return steps[0] === '..' ? [] : steps.map((_, i) => join(home, ...steps.slice(0, i + 1)));
}

/** Nothing is done where a link is on the way. */
async function within(path: string, work: (folder: HeldFolder) => Promise<void>): Promise<void> {
  const folder = await holdFolder(path, 'none').catch(() => null);
  if (folder) await work(folder).finally(() => folder.close());
}

async function giveWithin(folder: HeldFolder, owner: Owner, depth: number): Promise<void> {
  for (const entry of await readdir(folder.at('.'), { withFileTypes: true }).catch(() => [])) {
    const name = folder.at(entry.name);
    if (!entry.isDirectory()) {
      if (entry.isFile()) await giveOne(name, owner, 0);
      continue;
    }
    if (depth === MAX_DEPTH) continue;
    await giveOne(name, owner, O_DIRECTORY);
    const handle = await open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW).catch(() => null);
    if (!handle) continue;
    await giveWithin(new HeldFolder(join(folder.path, entry.name), handle), owner, depth + 1).finally(() =>
      handle.close(),
    );
  }
}

/** The very file that is opened is the one that is given. */
async function giveOne(path: string, { uid, gid }: Owner, kind: number): Promise<void> {
  if ((await lstat(path).catch(() => null))?.uid !== 0) return;
  const handle = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | kind).catch(() => null);
  if (!handle) return;
  try {
    const stat = await handle.stat();
    if (stat.uid === 0 && (stat.isDirectory() || (stat.isFile() && stat.nlink === 1))) await handle.chown(uid, gid);
  } catch {
    // its file system knows no owners, or is read only
  } finally {
    await handle.close();
  }
}
