/**
 * A database that cannot be opened where it lies, because SQLite may not write its log beside it: a copy of it, with its log, elsewhere.
 * What is written to the copy is lost with it.
 */
import { accessSync, chmodSync, constants, copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type Database from 'better-sqlite3';
import { openDatabase } from '../catalog/database.ts';
import { toEngineError } from '../core/engine-error.ts';

export interface DatabaseCopy {
  readonly db: Database.Database;
  /** closes and removes it */
  close(): void;
}

/** Memory, for where the system has its temporary files on a disk that is full or read-only too. */
const MEMORY = '/dev/shm';

const OF_THE_PLACE = ['DISK_FULL', 'PERMISSION_DENIED', 'NOT_FOUND', 'WRITE_FAILED'];

/**
 * Whether a database, its folder and its log may be written to. SQLite opens one that may not for reading, without a word, where a log
 * lies beside it: what is to be written is refused only when it is.
 */
export function mayWrite(path: string): boolean {
  const places = [dirname(path), path, `${path}-wal`, `${path}-shm`];
  try {
    for (const place of places.filter((one) => existsSync(one))) accessSync(place, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** @throws EngineError as {@link openDatabase} */
export function openCopy(path: string): DatabaseCopy {
  try {
    return openCopyIn(tmpdir(), path);
  } catch (thrown) {
    const error = toEngineError(thrown, tmpdir());
    const isOfThePlace = OF_THE_PLACE.includes(error.code) && error.data.path !== path;
    if (!isOfThePlace || !existsSync(MEMORY)) throw error;
    return openCopyIn(MEMORY, path);
  }
}

function openCopyIn(temporary: string, path: string): DatabaseCopy {
  const folder = mkdtempSync(join(temporary, 'diskpress-catalog-'));
  try {
    const copy = join(folder, 'catalog.db');
    for (const ending of ['', '-wal']) {
      if (!existsSync(path + ending)) continue;
      copyFileSync(path + ending, copy + ending);
      // a copy has the rights of what it was made of: none to write
      chmodSync(copy + ending, 0o600);
    }
    const db = openDatabase(copy);
    return {
      db,
      close() {
        db.close();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}
