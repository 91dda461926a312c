/** Jobs in the database: what ran, how it ended and why. Progress is not kept. */
import type Database from 'better-sqlite3';
import { JobViewSchema, type JobView } from '../contract/job.contract.ts';

/** Older ended jobs are dropped. */
const MAX_KEPT_JOBS = 500;

export class JobRepository {
  readonly #db: Database.Database;

  constructor(db: Database.Database) {
    this.#db = db;
  }

  save(job: JobView): void {
    this.#db
      .prepare(
        `INSERT INTO job (id, created_at, process_id, is_ended, view) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET is_ended = excluded.is_ended, view = excluded.view`,
      )
      .run(
        job.id,
        job.createdAt,
        process.pid,
        job.state === 'ended' ? 1 : 0,
        JSON.stringify({ ...job, progress: null }),
      );
  }

  /** Newest first. */
  list(): JobView[] {
    return this.#db
      .prepare<[number], string>('SELECT view FROM job ORDER BY created_at DESC LIMIT ?')
      .pluck()
      .all(MAX_KEPT_JOBS)
      .map((view) => JobViewSchema.parse(JSON.parse(view)));
  }

  find(id: string): JobView | null {
    const view = this.#db.prepare<[string], string>('SELECT view FROM job WHERE id = ?').pluck().get(id);
    return view === undefined ? null : JobViewSchema.parse(JSON.parse(view));
  }

  /** Jobs whose process is gone ended without a word: they are marked `lost`. @returns those */
  markLost(): JobView[] {
    const lost: JobView[] = [];
    const open = this.#db.prepare<[], { process_id: number; view: string }>(
      'SELECT process_id, view FROM job WHERE NOT is_ended',
    );
    for (const { process_id, view } of open.all()) {
      if (isAlive(process_id)) continue;
      const job: JobView = {
        ...JobViewSchema.parse(JSON.parse(view)),
        state: 'ended',
        outcome: 'lost',
        endedAt: new Date().toISOString(),
        error: {
          code: 'ENGINE_LOST',
          message: 'The process that ran this job ended.',
          hint: '',
          data: { processId: process_id },
        },
      };
      this.save(job);
      lost.push(job);
    }
    this.#db
      .prepare('DELETE FROM job WHERE is_ended AND id NOT IN (SELECT id FROM job ORDER BY created_at DESC LIMIT ?)')
      .run(MAX_KEPT_JOBS);
    return lost;
  }
}

function isAlive(processId: number): boolean {
  if (processId === process.pid) return true;
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
