/**
 * Runs jobs side by side where their claims allow it, in the order that they came where not; tells their state as events, and writes
 * down how each ended.
 */
import { randomUUID } from 'node:crypto';
import { availableParallelism } from 'node:os';
import type { JobRepository } from '../catalog/job-repository.ts';
import type { JobAbout, JobView, WaitsFor } from '../contract/job.contract.ts';
import type { Warning } from '../contract/warnings.ts';
import { EngineError } from '../core/engine-error.ts';
import { conflict, type Claim } from './claims.ts';
import { Places } from './places.ts';
import { LiveJob, type PartWork } from './live-job.ts';

/** Most of what jobs wait for is disks: a few more than there are processors, and no more than memory is reckoned for. */
const PLACE_COUNT = Math.min(8, Math.max(4, availableParallelism()));

/** Of the jobs in the way, as many as a line can name. */
const MAX_NAMED = 4;

export class JobRunner {
  readonly #jobs: () => JobRepository;
  readonly #publish: (job: JobView) => void;
  readonly #places: Places;
  readonly #databasePath: string;
  readonly #warnings: () => readonly Warning[];
  /** those that wait or run, and those whose end could not be written down */
  readonly #live = new Map<string, LiveJob>();
  readonly #running = new Map<LiveJob, Promise<void>>();
  #waiting: LiveJob[] = [];

  /**
   * @param jobs where jobs are written down; asked anew each time, because a repair may replace the catalog
   * @param options `places`: how many parts of jobs may run at once; `databasePath`: for errors of SQLite's, which name none;
   *   `warnings`: what is to be told of any job that begins now
   */
  constructor(
    jobs: () => JobRepository,
    publish: (job: JobView) => void,
    {
      places = PLACE_COUNT,
      databasePath = '',
      warnings = () => [],
    }: { places?: number; databasePath?: string; warnings?: () => readonly Warning[] } = {},
  ) {
    this.#jobs = jobs;
    this.#publish = publish;
    this.#places = new Places(places, () => this.#schedule());
    this.#databasePath = databasePath;
    this.#warnings = warnings;
  }

  /**
   * Runs a job as soon as nothing is in its way.
   * @param id that of its plan, where it has one
   * @returns its id
   */
  start(about: JobAbout, claims: readonly Claim[], parts: readonly PartWork[], id: string = randomUUID()): string {
    const job = new LiveJob(id, about, claims, parts, this.#publish, this.#databasePath, this.#warnings());
    job.waitFor(this.#inTheWayOf(job, this.#waiting));
    this.#jobs().save(job.view);
    this.#live.set(id, job);
    this.#waiting.push(job);
    this.#publish(job.view);
    this.#schedule();
    return id;
  }

  /** Newest first, with the progress of those that run here. */
  list(): JobView[] {
    return this.#jobs()
      .list()
      .map((job) => this.#live.get(job.id)?.view ?? job);
  }

  /** @throws EngineError `JOB_NOT_FOUND` */
  show(id: string): JobView {
    const view = this.#live.get(id)?.view ?? this.#jobs().find(id);
    if (!view) throw new EngineError('JOB_NOT_FOUND', { job: id });
    return view;
  }

  /** Whether nothing runs or waits. */
  get isIdle(): boolean {
    return this.#running.size === 0 && this.#waiting.length === 0;
  }

  /** Asks a job to stop: one that waits ends at once, one that has ended stays as it is. @throws EngineError `JOB_NOT_FOUND` */
  cancel(id: string): JobView {
    const job = this.#live.get(id);
    if (job && this.#waiting.includes(job)) {
      this.#waiting = this.#waiting.filter((other) => other !== job);
      job.endUnbegun();
      this.#ended(job);
      this.#schedule();
      return job.view;
    }
    job?.abort();
    return this.show(id);
  }

  /** Cancels everything and waits until nothing runs. */
  async close(): Promise<void> {
    // the last first: what waits must not begin when what runs has stopped
    for (const job of this.#waiting.toReversed()) this.cancel(job.view.id);
    for (const job of this.#running.keys()) job.abort();
    await Promise.all(this.#running.values());
  }

  /** Starts what can be started, in the order that they came; the others are told what they wait for. */
  #schedule(): void {
    const stillWaiting: LiveJob[] = [];
    for (const job of this.#waiting) {
      const waitsFor = this.#inTheWayOf(job, stillWaiting);
      if (waitsFor === null) {
        this.#running.set(job, this.#run(job));
        continue;
      }
      stillWaiting.push(job);
      if (job.waitFor(waitsFor)) this.#publish(job.view);
    }
    this.#waiting = stillWaiting;
  }

  /** @param before jobs that wait already and are not to be overtaken, where they want the same */
  #inTheWayOf(job: LiveJob, before: readonly LiveJob[]): WaitsFor | null {
    const others = [...this.#running.keys(), ...before];
    for (const claim of job.claims) {
      const inTheWay = others.filter((other) => other.claims.some((theirs) => conflict(claim, theirs)));
      if (inTheWay.length > 0) return { claim: claim.kind, what: claim.what, jobs: namesOf(inTheWay) };
    }
    if (this.#places.areFree) return null;
    return { claim: 'places', what: '', jobs: namesOf([...this.#running.keys()]) };
  }

  async #run(job: LiveJob): Promise<void> {
    // where it cannot be written down that it runs, it does not
    await job.run((view) => this.#jobs().save(view), this.#places);
    this.#running.delete(job);
    this.#ended(job);
    this.#schedule();
  }

  #ended(job: LiveJob): void {
    try {
      this.#jobs().save(job.view);
      this.#live.delete(job.view.id);
    } catch {
      // a full disk: how it ended stays in memory, and other jobs run all the same
    }
    this.#publish(job.view);
  }
}

function namesOf(jobs: readonly LiveJob[]): WaitsFor['jobs'] {
  return jobs
    .slice(0, MAX_NAMED)
    .map(({ view: { id, kind, templateName, path, diskName } }) => ({ id, kind, templateName, path, diskName }));
}
