/**
 * A database that cannot be opened where it lies, because SQLite may not write its log beside it: a copy of it, with its log, elsewhere.
 * What is written to the copy is lost with it.
 */
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type Database from 'better-sqlite3';
import { openDatabase } from '../catalog/database.ts';
import { toEngineError } from '../core/engine-error.ts';

export interface DatabaseCopy {
  readonly db: Database.Database;
  /** closes and removes it */
  close(): void;
}

/** Memory, for where the system has its temporary files on the disk that is full. */
const MEMORY = '/dev/shm';

/** @throws EngineError as {@link openDatabase} */
export function openCopy(path: string): DatabaseCopy {
  try {
    return openCopyIn(tmpdir(), path);
  } catch (error) {
    if (toEngineError(error, tmpdir()).code !== 'DISK_FULL' || !existsSync(MEMORY)) throw error;
    return openCopyIn(MEMORY, path);
  }
}

function openCopyIn(temporary: string, path: string): DatabaseCopy {
  const folder = mkdtempSync(join(temporary, 'diskpress-catalog-'));
  try {
    const copy = join(folder, 'catalog.db');
    copyFileSync(path, copy);
    if (existsSync(`${path}-wal`)) copyFileSync(`${path}-wal`, `${copy}-wal`);
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
