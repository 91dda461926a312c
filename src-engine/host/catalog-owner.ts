/** What root has made in a person's catalog becomes that person's: they go on with it without root's rights. */
import { constants } from 'node:fs';
import { lstat, open, readdir } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { holdFolder, HeldFolder } from '../core/held-folder.ts';
import { personBehindRoot, type Person } from './person.ts';

const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;

/** Folders of a catalog lie in two levels, what is made beside them in one more. */
const MAX_DEPTH = 4;

type Owner = Pick<Person, 'uid' | 'gid'>;

/**
 * Does nothing where this is not root, or the catalog is root's own. Nothing is followed, and a file with a second name, which may be one of
 * root's elsewhere, stays root's. What cannot be given stays as it is.
 * @param root the catalog's folder
 */
export async function giveToOwner(root: string, person = personBehindRoot()): Promise<void> {
  if (process.platform !== 'linux' || process.geteuid?.() !== 0) return;
  const there = await lstat(root).catch(() => null);
  if (!there?.isDirectory()) return;
  const isInHome = person !== null && !relative(person.home, root).startsWith('..');
  const owner: Owner | null = isInHome ? person : there.uid === 0 ? null : there;
  if (!owner) return;
  // folders on the way to it that were made for it
  if (isInHome)
    for (let way = root; way !== person.home; way = dirname(way))
      await giveOne(way, owner, O_DIRECTORY).catch(() => {});
  const folder = await holdFolder(root, 'none').catch(() => null);
  if (!folder) return;
  await giveWithin(folder, owner, 0).finally(() => folder.close());
}

async function giveWithin(folder: HeldFolder, owner: Owner, depth: number): Promise<void> {
  for (const entry of await readdir(folder.at('.'), { withFileTypes: true }).catch(() => [])) {
    const name = folder.at(entry.name);
    if (!entry.isDirectory()) {
      if (entry.isFile()) await giveOne(name, owner, 0).catch(() => {});
      continue;
    }
    if (depth === MAX_DEPTH) continue;
    await giveOne(name, owner, O_DIRECTORY).catch(() => {});
    const handle = await open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW).catch(() => null);
    if (!handle) continue;
    await giveWithin(new HeldFolder(join(folder.path, entry.name), handle), owner, depth + 1).finally(() =>
      handle.close(),
    );
  }
}

/** The very file that is opened is the one that is given. */
async function giveOne(path: string, { uid, gid }: Owner, kind: number): Promise<void> {
  if ((await lstat(path)).uid !== 0) return;
  const handle = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | kind);
  try {
    const stat = await handle.stat();
    if (stat.uid === 0 && (stat.isDirectory() || (stat.isFile() && stat.nlink === 1))) await handle.chown(uid, gid);
  } finally {
    await handle.close();
  }
}
