/** Opens a catalog's database and brings it to the newest schema. */
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import Database from 'better-sqlite3';
import { EngineError, toEngineError } from '../core/engine-error.ts';
import { damageOfLog } from './log-check.ts';
import { MIGRATIONS } from './migrations.ts';
import { addRowSum, signRows } from './row-sum.ts';

/** A database of more pages than this, 4 MiB, is looked at whole by a verify alone: each command would wait for it. */
const MAX_LOOKED_AT_PAGES = 1024;

/**
 * @param takesLog true: what is sound of a damaged log is enough, as for a repair
 * @throws EngineError `CATALOG_TOO_NEW` where a newer Diskpress made it, `CATALOG_DAMAGED` where it is not what was written
 *   (`repair` rebuilds it from packs and manifests); `READ_FAILED` where it cannot be read just now; `DISK_FULL`, `PERMISSION_DENIED`,
 *   `CATALOG_BUSY`, `WRITE_FAILED`
 */
export function openDatabase(path: string, takesLog = false): Database.Database {
  let db: Database.Database | null = null;
  try {
    refuseDamagedFiles(path, takesLog);
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
    if (!hasOwnSchema(db)) throw damaged(path, 'schema');
    if ((db.pragma('page_count', { simple: true }) as number) <= MAX_LOOKED_AT_PAGES) refuseDamagedPages(db, path);
    return db;
  } catch (cause) {
    db?.close();
    const error = toEngineError(cause, path);
    // a full disk, missing permissions and the like are no damage
    if (error.code !== 'INTERNAL' && error.code !== 'CATALOG_DAMAGED') throw error;
    if (cause instanceof EngineError) throw cause;
    throw new EngineError('CATALOG_DAMAGED', { path, reason: (cause as Error).message }, 'Run: diskpress repair', {
      cause,
    });
  }
}

/**
 * Looks at every page and every index of a database, also at those that nobody has asked for.
 * @throws EngineError `CATALOG_DAMAGED`, `READ_FAILED`
 */
export function refuseUnsound(db: Database.Database, path: string): void {
  try {
    const answer = String(db.pragma('integrity_check(1)', { simple: true }));
    if (answer !== 'ok') throw faultOf(path, answer);
  } catch (error) {
    throw toEngineError(error, path);
  }
}

/**
 * Whether all of it is what was written, if need be after its indexes were made anew.
 * @throws EngineError where that cannot be told just now: `READ_FAILED`, `WRITE_FAILED`, `DISK_FULL`, `CATALOG_BUSY`
 */
export function isSound(db: Database.Database): boolean {
  const isOk = () => {
    const answer = String(db.pragma('integrity_check(1)', { simple: true }));
    const fault = answer === 'ok' ? null : faultOf(db.name, answer);
    if (fault?.code === 'READ_FAILED') throw fault;
    return fault === null;
  };
  try {
    if (isOk()) return true;
    db.exec('REINDEX');
    return isOk();
  } catch (thrown) {
    const error = toEngineError(thrown, db.name);
    if (['INTERNAL', 'CATALOG_DAMAGED'].includes(error.code)) return false;
    throw error;
  }
}

const damaged = (path: string, reason: string) =>
  new EngineError('CATALOG_DAMAGED', { path, reason }, 'Run: diskpress repair');

/** What an integrity check found. A page that the disk does not give is told by SQLite's number for that, 10 in the lowest byte. */
function faultOf(path: string, answer: string): EngineError {
  const number = Number(/error code[ =](\d+)/.exec(answer)?.[1] ?? 0);
  if ((number & 0xff) === 10) return new EngineError('READ_FAILED', { path, offsetBytes: 0, reason: answer });
  return damaged(path, answer);
}

/** What SQLite would pass over, or take for something else: a log that is damaged, a format number that is none. */
function refuseDamagedFiles(path: string, takesLog: boolean): void {
  const log = `${path}-wal`;
  const what = takesLog ? null : damageOfLog(log);
  if (what !== null) throw damaged(log, what);
  const head = beginningOf(path);
  // bytes 18 and 19 of the header: 1 or 2; with another number SQLite says that the file may not be written
  if (head.length === HEAD_BYTES && (head[18] > 2 || head[19] > 2)) throw damaged(path, 'format number');
}

const HEAD_BYTES = 20;

function beginningOf(path: string): Buffer {
  const bytes = Buffer.alloc(HEAD_BYTES);
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return Buffer.alloc(0);
  const fd = openSync(path, 'r');
  try {
    return bytes.subarray(0, readSync(fd, bytes, 0, HEAD_BYTES, 0));
  } finally {
    closeSync(fd);
  }
}

/**
 * A page that is damaged may have lost rows without a word. Single values are no matter of this look: their rows' sums tell them, and
 * the other rows stay of use.
 */
function refuseDamagedPages(db: Database.Database, path: string): void {
  const answers = db.pragma('integrity_check(100)') as { integrity_check: string }[];
  const found = answers.map((row) => row.integrity_check).find((text) => text !== 'ok' && !/^\w+ value in /.test(text));
  if (found !== undefined) throw faultOf(path, found);
}

let ownSchema: ReadonlySet<string> | null = null;

/** Whether all that the migrations make is there, as they make it. */
function hasOwnSchema(db: Database.Database): boolean {
  if (ownSchema === null) {
    const fresh = new Database(':memory:');
    for (const migration of MIGRATIONS) fresh.exec(migration);
    ownSchema = schemaOf(fresh);
    fresh.close();
  }
  const found = schemaOf(db);
  return [...ownSchema].every((object) => found.has(object));
}

const schemaOf = (db: Database.Database): ReadonlySet<string> =>
  new Set(db.prepare<[], string>(`SELECT json_array(type, name, tbl_name, sql) FROM sqlite_schema`).pluck().all());

function refuseNewer(db: Database.Database, path: string): void {
  const version = db.pragma('user_version', { simple: true }) as number;
  if (version <= MIGRATIONS.length && version >= 0) return;
  // another number of one bit, and nothing else is newer
  const bits = version ^ MIGRATIONS.length;
  if ((bits & (bits - 1)) === 0 && hasOwnSchema(db)) throw damaged(path, 'version number');
  throw new EngineError('CATALOG_TOO_NEW', { path, version, supported: MIGRATIONS.length });
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
