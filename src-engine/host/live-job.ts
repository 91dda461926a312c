/** A job from when it is asked for to its end: its view, kept up to date, and its parts, which run side by side. */
import type { ErrorCode } from '../contract/errors.ts';
import type { JobAbout, JobPart, JobResult, JobView, Phase, WaitsFor } from '../contract/job.contract.ts';
import type { Warning } from '../contract/warnings.ts';
import { EngineError, toEngineError } from '../core/engine-error.ts';
import type { JobContext } from '../core/job-context.ts';
import type { Claim } from './claims.ts';
import { madeOfParts } from './job-parts.ts';
import type { Places } from './places.ts';
import { ProgressMeter } from './progress-meter.ts';

/** Events of a running job come about this often. */
const TICK_MS = 100;

/** Somebody wanted it so: nothing has failed. */
const GIVEN_UP: readonly ErrorCode[] = ['ABORTED', 'RIGHTS_DISMISSED'];

/** What is to be done to one target or disk. */
export interface PartWork {
  /** '' where it works on the catalog */
  readonly path: string;
  /** which of a template's disks it is about, from 1; left out: none of them, or all */
  readonly disk?: number;
  readonly planId?: string;
  /** of a deploy: what becomes of the guest's identity */
  readonly identity?: JobPart['identity'];
  /** parts that say the same run at the same time; where it is not said, those of one plan */
  readonly together?: string;
  run(context: JobContext): Promise<JobResult>;
}

export class LiveJob {
  readonly claims: readonly Claim[];
  readonly #parts: readonly PartWork[];
  readonly #publish: (view: JobView) => void;
  readonly #databasePath: string;
  readonly #abort = new AbortController();
  readonly #meters = new Map<number, ProgressMeter>();
  #view: JobView;

  constructor(
    id: string,
    about: JobAbout,
    claims: readonly Claim[],
    parts: readonly PartWork[],
    publish: (view: JobView) => void,
    databasePath: string,
    warnings: readonly Warning[],
  ) {
    this.claims = claims;
    this.#parts = parts;
    this.#publish = publish;
    this.#databasePath = databasePath;
    this.#view = {
      ...about,
      id,
      state: 'queued',
      waitsFor: null,
      outcome: null,
      error: null,
      createdAt: new Date().toISOString(),
      startedAt: null,
      endedAt: null,
      phases: [],
      progress: null,
      warnings: [...warnings],
      result: null,
      parts: parts.map(({ path, disk, planId, identity }) => ({
        path,
        disk,
        planId,
        identity,
        state: 'queued',
        outcome: null,
        error: null,
        phases: [],
        progress: null,
        result: null,
      })),
    };
  }

  get view(): JobView {
    return this.#view;
  }

  /** @returns whether that is news */
  waitFor(waitsFor: WaitsFor | null): boolean {
    const isNews = JSON.stringify(waitsFor) !== JSON.stringify(this.#view.waitsFor);
    if (isNews) this.#view = { ...this.#view, waitsFor };
    return isNews;
  }

  abort(): void {
    this.#abort.abort();
  }

  /** Ends one that has not begun. */
  endUnbegun(): void {
    const error = new EngineError('ABORTED').toView();
    this.#view.parts.forEach((_, i) => this.#setPart(i, { state: 'ended', outcome: 'aborted', error }));
    this.#end();
  }

  /**
   * Runs all parts to their ends, whatever becomes of the others.
   * @param save writes down that it runs: where it cannot, nothing does; and how each part ended, while others run
   * @param places each part begins when it gets one; those that run together have one together, since they may need each other
   */
  async run(save: (view: JobView) => void, places: Places): Promise<void> {
    this.#view = { ...this.#view, state: 'running', waitsFor: null, startedAt: new Date().toISOString() };
    const timer = setInterval(() => this.#tick(), TICK_MS);
    try {
      this.#publish(this.#view);
      try {
        save(this.#view);
      } catch (thrown) {
        const error = toEngineError(thrown, this.#databasePath).toView();
        this.#parts.forEach((_, i) => this.#setPart(i, { state: 'ended', outcome: 'failed', error }));
        return;
      }
      const groups = Map.groupBy(this.#parts.keys(), (i) => this.#parts[i].together ?? this.#parts[i].planId ?? i);
      await Promise.all([...groups.values()].map((parts) => this.#runInPlace(parts, places, save)));
    } finally {
      clearInterval(timer);
      this.#end();
    }
  }

  async #runInPlace(parts: readonly number[], places: Places, save: (view: JobView) => void): Promise<void> {
    const runAll = () =>
      Promise.all(parts.map((i) => this.#runPart(this.#parts[i], i).then(() => this.#partEnded(save))));
    await places.use(this.#abort.signal, runAll).catch(() => {
      // cancelled before there was a place
      const error = new EngineError('ABORTED').toView();
      for (const i of parts) this.#setPart(i, { state: 'ended', outcome: 'aborted', error });
    });
  }

  async #runPart(part: PartWork, i: number): Promise<void> {
    this.#setPart(i, { state: 'running' });
    let phaseStarted = 0;
    const phasesUpToNow = () => {
      const { phases } = this.#view.parts[i];
      const last = phases.at(-1);
      return last ? [...phases.slice(0, -1), { ...last, elapsedMs: performance.now() - phaseStarted }] : [];
    };
    const context: JobContext = {
      signal: this.#abort.signal,
      phase: (phase: Phase, totalBytes: number) => {
        const before = phasesUpToNow();
        phaseStarted = performance.now();
        const meter = new ProgressMeter(phase, totalBytes, phaseStarted);
        this.#meters.set(i, meter);
        const phases = [...before, { phase, startedAt: new Date().toISOString(), elapsedMs: 0 }];
        this.#setPart(i, { phases, progress: meter.read(phaseStarted) });
        this.#publish(this.#view);
      },
      advance: (bytes) => this.#meters.get(i)?.advance(bytes),
      slowest: (what) => this.#meters.get(i)?.slowest(what),
      warn: (warning) => {
        this.#view = { ...this.#view, warnings: [...this.#view.warnings, warning] };
        this.#publish(this.#view);
      },
    };
    let ending: Partial<JobPart>;
    try {
      ending = { outcome: 'done', result: await part.run(context) };
    } catch (thrown) {
      const error = this.#abort.signal.aborted ? new EngineError('ABORTED') : toEngineError(thrown, this.#databasePath);
      ending = { outcome: GIVEN_UP.includes(error.code) ? 'aborted' : 'failed', error: error.toView() };
    }
    const progress = this.#meters.get(i)?.read(performance.now()) ?? null;
    this.#meters.delete(i);
    this.#setPart(i, { ...ending, state: 'ended', phases: phasesUpToNow(), progress });
  }

  /** A process that is killed now leaves what is done behind as done. */
  #partEnded(save: (view: JobView) => void): void {
    if (this.#view.parts.every(({ state }) => state === 'ended')) return;
    try {
      save(this.#view);
    } catch {
      // a full disk: how it ended stays in memory, as for whole jobs
    }
    this.#publish(this.#view);
  }

  #setPart(index: number, changes: Partial<JobPart>): void {
    const parts = this.#view.parts.map((part, i) => (i === index ? { ...part, ...changes } : part));
    // how it ended is told once it has: with the state
    const { phases, progress } = madeOfParts(parts);
    this.#view = { ...this.#view, parts, phases, progress };
  }

  #tick(): void {
    if (this.#meters.size === 0) return;
    const now = performance.now();
    for (const [i, meter] of this.#meters) this.#setPart(i, { progress: meter.read(now) });
    this.#publish(this.#view);
  }

  #end(): void {
    this.#view = {
      ...this.#view,
      ...madeOfParts(this.#view.parts),
      state: 'ended',
      waitsFor: null,
      endedAt: new Date().toISOString(),
    };
  }
}
