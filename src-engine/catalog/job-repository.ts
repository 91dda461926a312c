/** Jobs in the database: what ran, how it ended and why. Progress is not kept. */
import type Database from 'better-sqlite3';
import { isLater } from '../core/engine-error.ts';
import type { JobView } from '../contract/job.contract.ts';
import { userName } from './audit-log.ts';
import { damagedJob, damagedRow, laterJob } from './damaged-rows.ts';
import { JobRecordSchema, readJob, type JobRecord } from './records/index.ts';
import { signRows, soundness } from './row-sum.ts';
import { isAlive, isGone, readRunner, thisRunner } from './runner.ts';
import { jobView } from './views/job-view.ts';

/** Older ended jobs are dropped. */
const MAX_KEPT_JOBS = 500;
/** In the order in which they were entered: a clock that was set back must not make the newest the oldest. */
const NEWEST_FIRST = 'ORDER BY rowid DESC';

interface JobRow {
  id: string;
  created_at: string;
  process_id: number;
  runner: string;
  record: string;
  is_sound: number;
}

/** By which an engine that cannot see a process knows whether it lives. */
export interface RunnerLocks {
  /** that of this engine; '' where it has none */
  own(): string;
  isHeld(lock: string): boolean;
}

const NO_LOCKS: RunnerLocks = { own: () => '', isHeld: () => true };

export class JobRepository {
  readonly #db: Database.Database;
  readonly #locks: RunnerLocks;

  constructor(db: Database.Database, locks: RunnerLocks = NO_LOCKS) {
    this.#db = db;
    this.#locks = locks;
  }

  /** Its progress, and that of its parts, is not kept. */
  save(job: Omit<JobRecord, 'user'> & { user?: string }): void {
    const runner = { ...thisRunner(), lock: job.state === 'ended' ? '' : this.#locks.own() };
    this.#db.transaction(() => {
      this.#db
        .prepare(
          `INSERT INTO job (id, created_at, process_id, runner, is_ended, record) VALUES (?, ?, ?, ?, ?, ?)
           ON CONFLICT (id) DO UPDATE SET is_ended = excluded.is_ended, record = excluded.record, sum = NULL`,
        )
        .run(
          job.id,
          job.createdAt,
          process.pid,
          JSON.stringify(runner),
          job.state === 'ended' ? 1 : 0,
          JSON.stringify(JobRecordSchema.parse({ user: userName(), ...job })),
        );
      signRows(this.#db, 'job', 'id = ?', job.id);
    })();
  }

  /** Newest first. A row that is damaged is told as a job that failed so, one that a later Diskpress wrote as unknown. */
  list(): JobView[] {
    return this.#db
      .prepare<[number], JobRow>(`SELECT *, ${soundness('job')} AS is_sound FROM job ${NEWEST_FIRST} LIMIT ?`)
      .all(MAX_KEPT_JOBS)
      .map((row) => {
        const record = recordOf(row);
        if (record === 'later') return laterJob({ id: row.id, createdAt: row.created_at });
        return record ? jobView(record) : damagedJob();
      });
  }

  /** @throws EngineError `CATALOG_DAMAGED` where its row is damaged */
  find(id: string): JobView | null {
    const row = this.#db
      .prepare<[string], JobRow>(`SELECT *, ${soundness('job')} AS is_sound FROM job WHERE id = ?`)
      .get(id);
    if (row === undefined) return null;
    const record = recordOf(row);
    if (record === null) throw damagedRow('row of a job');
    if (record === 'later') return laterJob({ id: row.id, createdAt: row.created_at });
    return jobView(record);
  }

  /** Of jobs that were lost: what they left has been removed. */
  forgetLeftovers(id: string): void {
    const found = this.#withLeftovers().find((job) => job.id === id);
    if (!found) return;
    const { hasLeftovers: _, ...job } = found;
    this.save(job);
  }

  #withLeftovers(): JobRecord[] {
    return this.#db
      .prepare<[], JobRow>(
        `SELECT *, ${soundness('job')} AS is_sound FROM job WHERE is_ended AND record LIKE '%"hasLeftovers":true%'`,
      )
      .all()
      .map(recordOf)
      .filter((record) => record !== null && record !== 'later');
  }

  /**
   * Jobs whose process is certainly gone ended without a word: they are marked `lost`.
   * @param tell of each that is marked now, and of who had started it: '' where nobody knows
   * @returns those, and earlier ones of which something may be left: who was to remove it died, too
   */
  markLost(tell: (job: JobView, user: string) => void = () => {}): JobView[] {
    const lost = this.#withLeftovers().map(jobView);
    const open = this.#db.prepare<[], JobRow>(`SELECT *, ${soundness('job')} AS is_sound FROM job WHERE NOT is_ended`);
    for (const row of open.all()) {
      const runner = readRunner(row.runner);
      if (runner ? !isGone(runner, (lock) => this.#locks.isHeld(lock)) : isAlive(row.process_id)) continue;
      const record = recordOf(row);
      if (record === null || record === 'later') continue;
      const ended = {
        state: 'ended',
        outcome: 'lost',
        error: {
          code: 'ENGINE_LOST',
          message: 'The process that ran this job ended.',
          hint: '',
          data: { processId: row.process_id },
        },
      };
      const job: JobRecord = {
        ...record,
        ...ended,
        hasLeftovers: true,
        endedAt: new Date().toISOString(),
        parts: record.parts.map((part) => (part.state === 'ended' ? part : { ...part, ...ended })),
      };
      this.save(job);
      lost.push(jobView(job));
      tell(jobView(job), job.user);
    }
    this.#db
      .prepare(`DELETE FROM job WHERE is_ended AND id NOT IN (SELECT id FROM job ${NEWEST_FIRST} LIMIT ?)`)
      .run(MAX_KEPT_JOBS);
    return lost;
  }

  /** Removes rows that are damaged: nothing else says what was in them. @returns how many */
  removeDamaged(): number {
    const rows = this.#db
      .prepare<[], JobRow & { rowid: number }>(`SELECT rowid, *, ${soundness('job')} AS is_sound FROM job`)
      .all()
      .filter((row) => recordOf(row) === null);
    for (const { rowid } of rows) this.#db.prepare('DELETE FROM job WHERE rowid = ?').run(rowid);
    return rows.length;
  }
}

/** @returns 'later': a later Diskpress wrote it; null: it is not what was written */
function recordOf(row: JobRow): JobRecord | 'later' | null {
  if (row.is_sound !== 1) return null;
  try {
    return readJob(JSON.parse(row.record));
  } catch (error) {
    return isLater(error) ? 'later' : null;
  }
}
