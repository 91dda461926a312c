/** Who did what to which template or disk, and when. Only ever added to. */
import { userInfo } from 'node:os';
import type Database from 'better-sqlite3';
import type { LogEntry } from '../contract/commands.ts';
import type { PlaceView } from '../contract/disk.contract.ts';
import type { MessageData } from '../contract/errors.ts';
import { damagedEntry } from './damaged-rows.ts';
import { AuditRecordSchema } from './records/index.ts';
import { signRows, soundness } from './row-sum.ts';
import { logEntry } from './views/job-view.ts';

export class AuditLog {
  readonly #db: Database.Database;

  constructor(db: Database.Database) {
    this.#db = db;
  }

  /**
   * @param action as `template.edited`: past tense
   * @param subject name of the template, or path of the target
   * @param user who did it, where that is not who is at work now
   */
  add(action: string, subject: string, data: MessageData = {}, user = userName()): void {
    this.#db.transaction(() => {
      const { lastInsertRowid } = this.#db
        .prepare('INSERT INTO audit (at, user, action, subject, data) VALUES (?, ?, ?, ?, ?)')
        .run(new Date().toISOString(), user, action, subject, JSON.stringify(data));
      signRows(this.#db, 'audit', 'id = ?', Number(lastInsertRowid));
    })();
  }

  /** @returns id of the template that was last deployed to a place, told by its serial number, or its path where it has none; or null */
  lastDeployed({ serial, path }: Pick<PlaceView, 'serial' | 'path'>): string | null {
    const [key, value] = serial === '' ? ['target', path] : ['serial', serial];
    const id = this.#db
      .prepare<[string, string], string>(
        `SELECT json_extract(data, '$.templateId') FROM audit
         WHERE action = 'template.deployed' AND json_valid(data) AND json_extract(data, '$.' || ?) = ? ORDER BY id DESC LIMIT 1`,
      )
      .pluck()
      .get(key, value);
    return id ?? null;
  }

  /** Newest first. A row that is damaged is told as `row.damaged`. */
  list(limit: number): LogEntry[] {
    return this.#db
      .prepare<[number], AuditRow>(`SELECT *, ${soundness('audit')} AS is_sound FROM audit ORDER BY id DESC LIMIT ?`)
      .all(limit)
      .map((row) => entryOf(row) ?? damagedEntry(row.id));
  }

  /** Removes rows that are damaged: nothing else says what was in them. @returns how many */
  removeDamaged(): number {
    const rows = this.#db
      .prepare<[], AuditRow>(`SELECT *, ${soundness('audit')} AS is_sound FROM audit`)
      .all()
      .filter((row) => entryOf(row) === null);
    for (const { id } of rows) this.#db.prepare('DELETE FROM audit WHERE id = ?').run(id);
    return rows.length;
  }
}

interface AuditRow extends Omit<LogEntry, 'data'> {
  data: string;
  is_sound: number;
}

function entryOf({ is_sound, ...row }: AuditRow): LogEntry | null {
  if (is_sound !== 1) return null;
  try {
    return logEntry(AuditRecordSchema.parse({ ...row, data: JSON.parse(row.data) }));
  } catch {
    return null;
  }
}

/** Who is at work, as the system knows them. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // a user id without an entry in the password database
    return `uid ${process.getuid?.() ?? '?'}`;
  }
}
