/**
 * Locks between processes that use one catalog. SQLite's file locks carry them: the operating system drops them when their
 * holder dies, so a crash never leaves a catalog locked. On network file systems they are as good as those are at locks.
 */
import Database from 'better-sqlite3';
import { accessSync, constants, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { EngineError, toEngineError } from '../core/engine-error.ts';
import { roomAt } from '../core/room-at.ts';
import type { StoreLayout } from './store-layout.ts';

export interface Lock {
  release(): void;
}

/** How long a reader waits for a prune that removes files: a matter of moments. */
const READER_WAIT_MS = 60_000;

const READ = 'BEGIN';
const WRITE = 'BEGIN IMMEDIATE';
const ALONE = 'BEGIN EXCLUSIVE';

/** @returns null where anybody else has it @throws EngineError where nobody can tell: `DISK_FULL`, `PERMISSION_DENIED`, `WRITE_FAILED` */
export const holdAlone = (path: string): Lock | null => hold(path, 0, ALONE);

/** @returns null where somebody else has what this would have */
function hold(path: string, waitMs: number, begin: string): Lock | null {
  try {
    const before = statSync(path, { throwIfNoEntry: false })?.ino;
    try {
      return holdSound(path, waitMs, begin);
    } catch (error) {
      if (before === undefined || !isDamage(error, path)) throw error;
      return replaceDamaged(path, before) ? holdSound(path, waitMs, begin) : null;
    }
  } catch (error) {
    throw toEngineError(error, path);
  }
}

function holdSound(path: string, waitMs: number, begin: string): Lock | null {
  let db: Database.Database | null = null;
  try {
    db = new Database(path, { timeout: waitMs });
    db.pragma('journal_mode = DELETE');
    db.exec('CREATE TABLE IF NOT EXISTS held (x)');
    db.exec(begin);
    // SQLite takes the lock of who reads with the first read, and gives who writes no more than that where the file may not be
    // written: only a write tells. This one changes nothing.
    db.exec(begin === READ ? 'SELECT count(*) FROM held' : 'DELETE FROM held WHERE rowid = -1');
    return release(db);
  } catch (error) {
    db?.close();
    if (codeOf(error).startsWith('SQLITE_BUSY')) return null;
    throw error;
  }
}

/** Nothing is in a lock: one that is damaged is made anew. @returns false where somebody still holds it */
function replaceDamaged(path: string, inode: number): boolean {
  // Windows removes no file that is open; where the system does not tell its locks, a holder is taken to be gone
  if (heldInodes().has(inode)) return false;
  // another process may have been faster
  if (statSync(path, { throwIfNoEntry: false })?.ino !== inode) return true;
  for (const name of [path, `${path}-journal`]) rmSync(name, { force: true });
  return true;
}

/** Inodes of files that are locked by anybody. Source: proc_locks(5). */
function heldInodes(): ReadonlySet<number> {
  try {
    const inodes = readFileSync('/proc/locks', 'latin1').matchAll(/ [0-9a-f]+:[0-9a-f]+:(\d+) /g);
    return new Set([...inodes].map((match) => Number(match[1])));
  } catch {
    return new Set();
  }
}

/** Whether it is the file that is wrong, and not a lock or the disk. */
function isDamage(error: unknown, path: string): boolean {
  const code = codeOf(error);
  if (code.startsWith('SQLITE_READONLY')) return mayWrite(path);
  return /^SQLITE_(?!BUSY|LOCKED|FULL|CANTOPEN|PERM|NOMEM)/.test(code);
}

function mayWrite(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

const codeOf = (error: unknown) => (error as { code?: string }).code ?? '';

const release = (db: Database.Database): Lock => ({
  release() {
    if (!db.open) return;
    db.exec('ROLLBACK');
    db.close();
  },
});

const notePath = (layout: StoreLayout) => `${layout.writerLock}.note`;

/** For whoever is refused; a full disk has no room for it. */
export function noteHolder(layout: StoreLayout, owner: string): void {
  const path = notePath(layout);
  try {
    writeFileSync(path, `${owner} (process ${process.pid})`);
  } catch {
    rmSync(path, { force: true });
  }
}

/** @throws EngineError why nothing can be written, with the place */
export function refuseReadOnly({ refusal, root }: StoreLayout): void {
  if (refusal) throw new EngineError(refusal, { path: root, offsetBytes: 0, ...roomAt(root) });
}

/**
 * For whoever is about to write, long before they do.
 * @throws EngineError why nothing can be written, with the place: also that of a folder of the store which may not be written to
 */
export function refuseUnwritable(layout: StoreLayout): void {
  refuseReadOnly(layout);
  for (const folder of [layout.packs, layout.manifests, layout.scratch]) {
    try {
      accessSync(folder, constants.W_OK);
    } catch (error) {
      const { code } = toEngineError(error, folder);
      // what is not there is made, or missed, by who needs it
      if (code === 'PERMISSION_DENIED') throw new EngineError(code, { path: folder });
    }
  }
}

/**
 * The one process that writes to a catalog: prune and repair hold this, captures and imports by {@link SharedWriterLock}.
 * @param owner what is shown to whoever is refused
 * @throws EngineError `CATALOG_BUSY` with the holder's process and work
 */
export function lockWriter(layout: StoreLayout, owner: string): Lock {
  refuseReadOnly(layout);
  const lock = hold(layout.writerLock, 0, WRITE);
  if (lock) {
    noteHolder(layout, owner);
    return lock;
  }
  let holder = '';
  try {
    holder = readFileSync(notePath(layout), 'utf8').slice(0, 200);
  } catch {
    // the holder has not written its note yet
  }
  throw new EngineError('CATALOG_BUSY', { path: layout.root, holder });
}

/**
 * Whoever reads packs holds this, so that a prune keeps the files that it replaced until nobody reads them. Waits only while a
 * prune removes such files.
 */
export function lockReader(layout: StoreLayout): Lock {
  if (layout.refusal) return lockWhereAllowed(layout);
  const lock = hold(layout.readersLock, READER_WAIT_MS, READ);
  if (!lock) throw new EngineError('CATALOG_BUSY', { path: layout.root, holder: 'prune' });
  return lock;
}

/** Who may not write may still read with a lock, for others who may prune; where there is none to be had, nothing is pruned either. */
function lockWhereAllowed({ readersLock }: StoreLayout): Lock {
  try {
    const lock = existsSync(readersLock) ? hold(readersLock, READER_WAIT_MS, READ) : null;
    if (lock) return lock;
  } catch {
    // it is on a disk that is full or read-only
  }
  return { release() {} };
}

/** @returns false where somebody reads; otherwise runs `work` while nobody can begin to */
export function withoutReaders(layout: StoreLayout, work: () => void): boolean {
  const lock = hold(layout.readersLock, 0, ALONE);
  if (!lock) return false;
  try {
    work();
    return true;
  } finally {
    lock.release();
  }
}
