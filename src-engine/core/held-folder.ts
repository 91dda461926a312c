/**
 * Folders that are held open while something is written into them. Others may rename what lies on the way, or put links in its place: who
 * goes by names would follow. On Linux a held folder is reached by its descriptor (proc(5), /proc/PID/fd); elsewhere by its path.
 */
import { constants, readlinkSync } from 'node:fs';
import { lstat, mkdir, open, readdir, readlink, realpath, rm, rmdir, statfs, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { EngineError } from './engine-error.ts';

/** open(2): a place in the tree, without leave to read it. Node has no name for it; the same number on all that Node runs on. */
const O_PATH = 0o10000000;
/** As many links as the kernel follows on one path: path_resolution(7). */
const MAX_LINKS = 40;
const PRIVATE_MODE = 0o700;
/** File systems that say for themselves whose a new folder is: FAT, exFAT, NTFS (ntfs, ntfs3, FUSE), SMB, NFS, 9p. Linux, magic.h. */
const FOREIGN_OWNERS = new Set([
  0x4d44, 0x2011bab0, 0x5346544e, 0x7366746e, 0x65735546, 0xff534d42, 0xfe534d42, 0x517b, 0x6969, 0x01021997,
]);

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;

/** Where this process's descriptors can be named, or null. Programs that it starts may use the names too. */
const descriptors = ((): string | null => {
  try {
    return process.platform === 'linux' ? `/proc/${readlinkSync('/proc/self')}/fd` : null;
  } catch {
    return null;
  }
})();

export class HeldFolder {
  /** for people, and where descriptors cannot be named */
  readonly path: string;
  readonly #handle: FileHandle | null;

  constructor(path: string, handle: FileHandle | null) {
    this.path = path;
    this.#handle = handle;
  }

  /** The name to use for something in this very folder, wherever it has gone. */
  at(name: string): string {
    return this.#handle ? `${descriptors}/${this.#handle.fd}/${name}` : join(this.path, name);
  }

  /** The path for people of what {@link at} named. */
  shown(path: string): string {
    const here = this.at('');
    return path.startsWith(here) ? join(this.path, path.slice(here.length)) : path;
  }

  /** Makes new names durable. Who may not read the folder, or is on Windows, cannot. */
  async sync(): Promise<void> {
    if (process.platform === 'win32') return;
    const folder = await open(this.at('.'), O_RDONLY | O_DIRECTORY).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'EACCES') return null;
      throw this.named(error);
    });
    await folder?.sync().finally(() => folder.close());
  }

  /** @returns an error of the system with the path that a person knows */
  named(error: unknown): unknown {
    const system = error as NodeJS.ErrnoException;
    if (typeof system.path === 'string') system.path = this.shown(system.path);
    return error;
  }

  async close(): Promise<void> {
    await this.#handle?.close();
  }
}

/**
 * Holds the folder at `path`. A link on the way is followed where root or this user made it: whoever else made one may lead it
 * elsewhere at any moment, or has done so already.
 * @param links `none`: the path has none, as realpath(3) returned it; one that is there by now is refused
 * @throws EngineError `LINK_NOT_FOLLOWED`; errors of the system: ENOENT, ENOTDIR, EACCES
 */
export async function holdFolder(path: string, links: 'own' | 'none' = 'own'): Promise<HeldFolder> {
  const full = resolve(path);
  if (!descriptors) return new HeldFolder(await realpath(full), null);
  let place = await hold('/');
  let at = '/';
  let followed = 0;
  const steps = full.split('/').filter((step) => step !== '');
  try {
    for (let step = steps.shift(); step !== undefined; step = steps.shift()) {
      const name = `${descriptors}/${place.fd}/${step}`;
      const next = await hold(name).catch((error: NodeJS.ErrnoException) => {
        error.path = join(at, step);
        return error;
      });
      if (!(next instanceof Error)) {
        await place.close();
        place = next;
        at = join(at, step);
        continue;
      }
      const target = await linkTarget(name, join(at, step));
      // what goes up from a link goes up from where it leads to: it is not a folder's name any more
      if (target === null) throw next;
      if (links === 'none' || ++followed > MAX_LINKS) throw notFollowed(join(at, step), target, null);
      steps.unshift(...target.split('/').filter((one) => one !== '' && one !== '.'));
      if (target.startsWith('/')) {
        await place.close();
        [place, at] = [await hold('/'), '/'];
      }
    }
    return new HeldFolder(at, place);
  } catch (error) {
    await place.close();
    throw error;
  }
}

/**
 * A path with its links followed as {@link holdFolder} follows them, the last name too; nothing need be there.
 * @throws EngineError `LINK_NOT_FOLLOWED`
 */
export async function resolveOwnLinks(path: string): Promise<string> {
  let full = resolve(path);
  for (let followed = 0; followed <= MAX_LINKS; followed++) {
    const folder = await holdFolder(dirname(full)).catch((error) => {
      if (error instanceof EngineError) throw error;
      return null;
    });
    if (!folder) return full;
    try {
      const own = join(folder.path, basename(full));
      const target = full === '/' ? null : await linkTarget(folder.at(basename(full)), own);
      if (target === null) return own;
      full = resolve(folder.path, target);
    } finally {
      await folder.close();
    }
  }
  throw notFollowed(path, full, null);
}

/** Makes a folder that only this user can look into. @throws errors of the system; EEXIST where the name is taken */
export async function makePrivateFolder(parent: HeldFolder, name: string): Promise<HeldFolder> {
  try {
    await mkdir(parent.at(name), { mode: PRIVATE_MODE });
    return await holdOwn(parent, name);
  } catch (error) {
    throw parent.named(error);
  }
}

/** Removes a folder that {@link makePrivateFolder} made, and what is in it. Somebody else's folder, or a link, is left alone. */
export async function removePrivateFolder(parent: HeldFolder, name: string): Promise<void> {
  const folder = await holdOwn(parent, name).catch(() => null);
  if (!folder) return;
  await emptyFolder(folder).finally(() => folder.close());
  await rmdir(parent.at(name));
}

/** Removes what is in a folder, wherever it has gone. */
export async function emptyFolder(folder: HeldFolder): Promise<void> {
  for (const entry of await readdir(folder.at('.'))) await rm(folder.at(entry), { recursive: true, force: true });
}

/** @throws EngineError `LINK_NOT_FOLLOWED` where the name has come to lead elsewhere since it was made */
async function holdOwn(parent: HeldFolder, name: string): Promise<HeldFolder> {
  const path = join(parent.path, name);
  if (!descriptors) return new HeldFolder(path, null);
  const handle = await hold(parent.at(name));
  const { uid } = await handle.stat();
  const isOurs = uid === process.geteuid?.() || FOREIGN_OWNERS.has((await statfs(parent.at('.'))).type);
  if (isOurs) return new HeldFolder(path, handle);
  await handle.close();
  throw notFollowed(path, '', uid);
}

function hold(path: string): Promise<FileHandle> {
  return open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW);
}

/** @returns where a link leads; null for anything else @throws EngineError `LINK_NOT_FOLLOWED` for somebody else's */
async function linkTarget(name: string, shown: string): Promise<string | null> {
  const before = await lstat(name, { bigint: true }).catch(() => null);
  if (!before?.isSymbolicLink()) return null;
  const target = await readlink(name).catch(() => null);
  const after = await lstat(name, { bigint: true }).catch(() => null);
  const isSame = after?.ino === before.ino && after.ctimeNs === before.ctimeNs;
  const isOurs = [0, process.geteuid?.()].includes(Number(before.uid));
  if (target === null || !isSame || (descriptors && !isOurs))
    throw notFollowed(shown, target ?? '', Number(before.uid));
  return target;
}

function notFollowed(path: string, target: string, user: number | null): EngineError {
  return new EngineError('LINK_NOT_FOLLOWED', { path, target, user: user === null ? '' : String(user) });
}
