/** Opens a catalog's database and brings it to the newest schema. */
import Database from 'better-sqlite3';
import { EngineError, toEngineError } from '../core/engine-error.ts';
import { MIGRATIONS } from './migrations.ts';
import { addRowSum, signRows } from './row-sum.ts';

/**
 * @throws EngineError `CATALOG_TOO_NEW` where a newer Diskpress made it, `CATALOG_DAMAGED` where SQLite cannot read it
 *   (`repair` rebuilds it from packs and manifests); `DISK_FULL`, `PERMISSION_DENIED`, `CATALOG_BUSY`, `WRITE_FAILED`
 */
export function openDatabase(path: string): Database.Database {
  let db: Database.Database | null = null;
  try {
    db = new Database(path, { timeout: 10_000 });
    addRowSum(db);
    refuseNewer(db, path);
    db.pragma('journal_mode = WAL');
    // a commit must survive a power cut: a version's row is what makes a capture done
    db.pragma('synchronous = FULL');
    db.pragma('foreign_keys = ON');
    // a capture asks for every chunk: 16 MB hold the index of about 10 GB of unique data
    db.pragma('cache_size = -16000');
    migrate(db);
    return db;
  } catch (cause) {
    db?.close();
    const error = toEngineError(cause);
    // a full disk, missing permissions and the like are no damage
    if (error.code !== 'INTERNAL' && error.code !== 'CATALOG_DAMAGED') throw error;
    throw new EngineError('CATALOG_DAMAGED', { path, reason: (cause as Error).message }, 'Run: diskpress repair', {
      cause,
    });
  }
}

/**
 * Looks at every page of a database, also at those that nobody has asked for.
 * @throws EngineError `CATALOG_DAMAGED`
 */
export function refuseUnsound(db: Database.Database, path: string): void {
  const answer = String(db.pragma('quick_check(1)', { simple: true }));
  if (answer !== 'ok') throw new EngineError('CATALOG_DAMAGED', { path, reason: answer }, 'Run: diskpress repair');
}

function refuseNewer(db: Database.Database, path: string): void {
  const version = db.pragma('user_version', { simple: true }) as number;
  if (version > MIGRATIONS.length) {
    throw new EngineError('CATALOG_TOO_NEW', { path, version, supported: MIGRATIONS.length });
  }
}

function migrate(db: Database.Database): void {
  const version = db.pragma('user_version', { simple: true }) as number;
  for (let next = version; next < MIGRATIONS.length; next++) {
    db.transaction(() => {
      // another process may have migrated while this one waited for the lock
      if ((db.pragma('user_version', { simple: true }) as number) > next) return;
      db.exec(MIGRATIONS[next]);
      db.pragma(`user_version = ${next + 1}`);
      if (next + 1 < MIGRATIONS.length) return;
      for (const table of ['template', 'version', 'job', 'audit'] as const) signRows(db, table, 'true');
    }).exclusive();
  }
}
