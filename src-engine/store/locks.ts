/**
 * Locks between processes that use one catalog. SQLite's file locks carry them: the operating system drops them when their
 * holder dies, so a crash never leaves a catalog locked. On network file systems they are as good as those are at locks.
 */
import Database from 'better-sqlite3';
import { readFileSync, writeFileSync } from 'node:fs';
import { EngineError } from '../core/engine-error.ts';
import type { StoreLayout } from './store-layout.ts';

export interface Lock {
  release(): void;
}

/** How long a reader waits for a prune that removes files: a matter of moments. */
const READER_WAIT_MS = 60_000;

function openLockFile(path: string, waitMs: number): Database.Database {
  const db = new Database(path, { timeout: waitMs });
  try {
    db.pragma('journal_mode = DELETE');
    db.exec('CREATE TABLE IF NOT EXISTS held (x)');
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function begin(db: Database.Database, sql: string): boolean {
  try {
    db.exec(sql);
    return true;
  } catch (error) {
    if ((error as { code?: string }).code?.startsWith('SQLITE_BUSY')) return false;
    throw error;
  }
}

const release = (db: Database.Database): Lock => ({
  release() {
    if (!db.open) return;
    db.exec('ROLLBACK');
    db.close();
  },
});

/**
 * The one writer of a catalog: capture, prune and repair hold this.
 * @param owner what is shown to whoever is refused
 * @throws EngineError `CATALOG_BUSY` with the holder's process and work
 */
export function lockWriter(layout: StoreLayout, owner: string): Lock {
  if (layout.refusal) throw new EngineError(layout.refusal, { path: layout.root });
  const notePath = `${layout.writerLock}.note`;
  let db: Database.Database | null = null;
  try {
    db = openLockFile(layout.writerLock, 0);
    if (begin(db, 'BEGIN IMMEDIATE')) {
      writeFileSync(notePath, `${owner} (process ${process.pid})`);
      return release(db);
    }
  } catch (error) {
    if (!(error as { code?: string }).code?.startsWith('SQLITE_BUSY')) throw error;
  }
  db?.close();
  let holder = '';
  try {
    holder = readFileSync(notePath, 'utf8').slice(0, 200);
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
  // where nothing can be written nothing is pruned either
  if (layout.refusal) return { release() {} };
  const db = openLockFile(layout.readersLock, READER_WAIT_MS);
  try {
    db.exec('BEGIN');
    db.prepare('SELECT count(*) FROM held').get();
    return release(db);
  } catch (error) {
    db.close();
    throw error;
  }
}

/** @returns false where somebody reads; otherwise runs `work` while nobody can begin to */
export function withoutReaders(layout: StoreLayout, work: () => void): boolean {
  let db: Database.Database;
  try {
    db = openLockFile(layout.readersLock, 0);
  } catch (error) {
    if ((error as { code?: string }).code?.startsWith('SQLITE_BUSY')) return false;
    throw error;
  }
  if (!begin(db, 'BEGIN EXCLUSIVE')) {
    db.close();
    return false;
  }
  try {
    work();
    return true;
  } finally {
    release(db).release();
  }
}
