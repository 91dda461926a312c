/**
 * Runs jobs one after another, tells their state as events, and writes down how each ended. One at a time: they share the
 * processor and the catalog's disk, and two at once would both take twice as long.
 */
import { randomUUID } from 'node:crypto';
import type { JobRepository } from '../catalog/job-repository.ts';
import type { JobResult, JobView, Phase } from '../contract/job.contract.ts';
import { EngineError, toEngineError } from '../core/engine-error.ts';
import type { JobContext } from '../core/job-context.ts';
import { ProgressMeter } from './progress-meter.ts';

/** Events of a running job come about this often. */
const TICK_MS = 100;

type JobWork = (context: JobContext) => Promise<JobResult>;

interface LiveJob {
  view: JobView;
  readonly work: JobWork;
  readonly abort: AbortController;
  meter: ProgressMeter | null;
}

export class JobRunner {
  readonly #jobs: () => JobRepository;
  readonly #publish: (job: JobView) => void;
  readonly #place: string;
  readonly #live = new Map<string, LiveJob>();
  readonly #queue: LiveJob[] = [];
  #isRunning = false;
  #idle: Promise<void> = Promise.resolve();

  /**
   * @param jobs where jobs are written down; asked anew each time, because a repair may replace the catalog
   * @param place path of the database, for errors of SQLite's, which name none
   */
  constructor(jobs: () => JobRepository, publish: (job: JobView) => void, place = '') {
    this.#jobs = jobs;
    this.#publish = publish;
    this.#place = place;
  }

  /** Puts a job at the end of the queue. @param id that of its plan, where it has one @returns its id */
  start(about: Pick<JobView, 'kind' | 'templateName' | 'path'>, work: JobWork, id: string = randomUUID()): string {
    const view: JobView = {
      ...about,
      id,
      state: 'queued',
      outcome: null,
      error: null,
      createdAt: new Date().toISOString(),
      startedAt: null,
      endedAt: null,
      phases: [],
      progress: null,
      warnings: [],
      result: null,
    };
    const job: LiveJob = { view, work, abort: new AbortController(), meter: null };
    this.#jobs().save(view);
    this.#live.set(view.id, job);
    this.#queue.push(job);
    this.#publish(view);
    if (!this.#isRunning) this.#idle = this.#drain();
    return view.id;
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
    return !this.#isRunning;
  }

  /** Asks a job to stop; one that has ended stays as it is. @throws EngineError `JOB_NOT_FOUND` */
  cancel(id: string): JobView {
    this.#live.get(id)?.abort.abort();
    return this.show(id);
  }

  /** Cancels everything and waits until nothing runs. */
  async close(): Promise<void> {
    for (const job of this.#live.values()) job.abort.abort();
    await this.#idle;
  }

  async #drain(): Promise<void> {
    this.#isRunning = true;
    for (let job = this.#queue.shift(); job; job = this.#queue.shift()) await this.#run(job);
    this.#isRunning = false;
  }

  async #run(job: LiveJob): Promise<void> {
    const update = (changes: Partial<JobView>) => {
      job.view = { ...job.view, ...changes };
      this.#publish(job.view);
    };
    const tick = () => job.meter && update({ progress: job.meter.read(performance.now()) });
    const timer = setInterval(tick, TICK_MS);
    let phaseStarted = 0;
    const endPhase = () => {
      const last = job.view.phases.at(-1);
      if (last)
        job.view.phases = [...job.view.phases.slice(0, -1), { ...last, elapsedMs: performance.now() - phaseStarted }];
    };
    const context: JobContext = {
      signal: job.abort.signal,
      phase: (phase: Phase, totalBytes: number) => {
        endPhase();
        phaseStarted = performance.now();
        job.meter = new ProgressMeter(phase, totalBytes, phaseStarted);
        const phases = [...job.view.phases, { phase, startedAt: new Date().toISOString(), elapsedMs: 0 }];
        update({ phases, progress: job.meter.read(phaseStarted) });
      },
      advance: (bytes) => job.meter?.advance(bytes),
      slowest: (what) => job.meter?.slowest(what),
      warn: (warning) => update({ warnings: [...job.view.warnings, warning] }),
    };
    let ending: Partial<JobView>;
    try {
      job.abort.signal.throwIfAborted();
      update({ state: 'running', startedAt: new Date().toISOString() });
      this.#jobs().save(job.view);
      ending = { outcome: 'done', result: await job.work(context) };
    } catch (thrown) {
      const error = job.abort.signal.aborted ? new EngineError('ABORTED') : toEngineError(thrown, this.#place);
      ending = { outcome: error.code === 'ABORTED' ? 'aborted' : 'failed', error: error.toView() };
    } finally {
      clearInterval(timer);
    }
    endPhase();
    const ended: JobView = {
      ...job.view,
      ...ending,
      state: 'ended',
      progress: job.meter?.read(performance.now()) ?? null,
      endedAt: new Date().toISOString(),
    };
    job.view = ended;
    try {
      this.#jobs().save(ended);
      this.#live.delete(ended.id);
    } catch {
      // a full disk: how it ended stays in memory, and the next job runs all the same
    }
    this.#publish(ended);
  }
}
