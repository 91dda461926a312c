/** A folder for the time of one machine: what it writes to its disks goes there, and goes with it. */
import { chmod, chown, mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { toEngineError, tooLittleRoom } from '../../core/engine-error.ts';
import { roomAt } from '../../core/room-at.ts';
import { isRoot } from '../../core/is-root.ts';

/** A system that starts up writes logs and caches: some hundred megabytes where it makes its swap or its indices anew. */
const ROOM_BYTES = 512 * 1024 * 1024;
const NAME = /^diskpress-boot-(\d+)-/;

/** Whom QEMU runs as where this process is root's: a guest that breaks out is nobody. */
const NOBODY = { uid: 65_534, gid: 65_534 };

export interface ScratchFolder {
  /** what the machine may write into */
  readonly path: string;
  /** whom it is run as; null: as whoever this is */
  readonly user: typeof NOBODY | null;
  /** Never fails. */
  remove(): Promise<void>;
}

/** Files that may be large have their own place: /tmp is memory on many systems. Source: hier(7) */
export const scratchParent = (): string =>
  process.env.TMPDIR ?? (process.platform === 'win32' ? process.env.TEMP : undefined) ?? '/var/tmp';

/**
 * Removes what machines have left whose process was killed, and makes a new one.
 * @param maySubstitute it may be run as nobody, where this is root
 * @throws EngineError `DISK_FULL` where it has too little room, `PERMISSION_DENIED`, `NOT_FOUND`
 */
export async function makeScratchFolder(maySubstitute: boolean): Promise<ScratchFolder> {
  const parent = scratchParent();
  const { freeBytes } = roomAt(parent);
  if (freeBytes !== undefined && freeBytes < ROOM_BYTES) throw tooLittleRoom(parent, ROOM_BYTES, freeBytes);
  try {
    await removeOrphans(parent);
    const outer = await mkdtemp(join(parent, `diskpress-boot-${process.pid}-`));
    const path = join(outer, 'machine');
    await mkdir(path, { mode: 0o700 });
    const user = maySubstitute && isRoot() && (await canAnybodyEnter(parent)) ? NOBODY : null;
    if (user) {
      await chmod(outer, 0o711);
      await chown(path, user.uid, user.gid);
    }
    return { path, user, remove: () => rm(outer, { recursive: true, force: true }).catch(() => {}) };
  } catch (error) {
    throw toEngineError(error, parent);
  }
}

/** Folders of this user's whose process is there no more. */
async function removeOrphans(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const pid = NAME.exec(name)?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
    const path = join(parent, name);
    const stats = await stat(path).catch(() => null);
    if (stats?.isDirectory() && stats.uid === process.geteuid?.()) {
      await rm(path, { recursive: true, force: true }).catch(() => {});
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function canAnybodyEnter(folder: string): Promise<boolean> {
  for (let at = folder; ; at = dirname(at)) {
    if (((await stat(at)).mode & 0o001) === 0) return false;
    if (at === dirname(at)) return true;
  }
}
