/** The presses of an engine, and what each job has of them: worker threads, and the shared windows that pass between them and the engine thread. */
import { availableParallelism, totalmem } from 'node:os';
import { EngineError } from '../core/engine-error.ts';
import type { Frame } from './pack-format.ts';
import type { PressReply, PressRequest } from './press.ts';
import { PressThread } from './press-thread.ts';
import { WindowArena } from './window-arena.ts';

/**
 * Each thread costs about 45 MB: a window, two open frames, what it packs and unpacks. Four keep an engine at about 400 MB, however many
 * jobs it runs; more are for machines where that is nothing.
 */
const MAX_THREADS = Math.min(totalmem(), process.constrainedMemory() || Infinity) >= 15e9 ? 8 : 4;
/** Beside one for each thread: those that are read into and written, and one for each of as many jobs as run at once. */
const MORE_WINDOWS = 4;
const MIN_WINDOWS = 8;
/** Threads that nobody needs are kept for the next job, for a while. */
const IDLE_MS = 10_000;

type ReplyOf<R extends PressRequest> = R extends { kind: 'cut' }
  ? Extract<PressReply, { kind: 'cut' }>
  : R extends { kind: 'compare' }
    ? Extract<PressReply, { kind: 'compared' }>
    : R extends { kind: 'pack' }
      ? Extract<PressReply, { kind: 'packed' }>
      : R extends { kind: 'audit' }
        ? Extract<PressReply, { kind: 'audited' }>
        : Extract<PressReply, { kind: 'done' }>;

/** What a thread is, and whose half-full frames it has. */
interface Place {
  readonly thread: PressThread;
  owner: PressPool | null;
}

export class Presses {
  readonly #workerUrl: URL;
  readonly #places: (Place | null)[];
  readonly #arena: WindowArena;
  readonly #jobs = new Set<PressPool>();
  #nextJob = 0;
  #idle: NodeJS.Timeout | null = null;

  /** Nothing is started before the first job needs it. @param workerUrl the entry of the worker threads, given by the host */
  constructor(workerUrl: URL) {
    this.#workerUrl = workerUrl;
    this.#places = Array<null>(Math.min(availableParallelism(), MAX_THREADS)).fill(null);
    this.#arena = new WindowArena(Math.max(MIN_WINDOWS, this.#places.length + MORE_WINDOWS));
  }

  /** @param signal what is asked of the presses fails with `ABORTED` at once when it says so */
  forJob(signal: AbortSignal): PressPool {
    if (this.#idle) clearTimeout(this.#idle);
    const places = this.#places.map((_, i) => () => this.#place(i));
    const pool: PressPool = new PressPool(this.#nextJob++, places, this.#arena, signal, () => this.#ended(pool));
    // files may be others by now than when a press opened them
    for (const place of this.#places) place?.thread.ask(pool.id, { kind: 'close' }).catch(() => {});
    this.#jobs.add(pool);
    return pool;
  }

  async close(): Promise<void> {
    if (this.#idle) clearTimeout(this.#idle);
    const places = this.#places.splice(0, this.#places.length, ...this.#places.map(() => null));
    await Promise.all(places.map((place) => place?.thread.terminate()));
  }

  /** A thread that died is replaced: only who had something in it is told. */
  #place(i: number): Place {
    const place = this.#places[i];
    if (place && !place.thread.failure) return place;
    return (this.#places[i] = { thread: new PressThread(this.#workerUrl), owner: null });
  }

  #ended(pool: PressPool): void {
    if (!this.#jobs.delete(pool) || this.#jobs.size > 0) return;
    this.#arena.clear();
    this.#idle = setTimeout(() => void this.close(), IDLE_MS).unref();
  }
}

/** What one job has of the presses. Jobs share threads and windows; half-full frames of a thread are one job's at a time. */
export class PressPool {
  readonly id: number;
  readonly #places: readonly (() => Place)[];
  readonly #arena: WindowArena;
  readonly #signal: AbortSignal;
  readonly #ended: () => void;
  readonly #used = new Map<number, Place>();
  /** windows that the job has, with how much of what was asked is about each */
  readonly #windows = new Map<SharedArrayBuffer, number>();
  /** windows that go back as soon as no press works on them */
  readonly #leaving = new Set<SharedArrayBuffer>();
  readonly #rejects = new Set<(error: Error) => void>();
  /** of frames that it fills */
  #level = 3;
  #isClosed = false;
  readonly #whenAborted = () => this.#abort();

  /** Gets frames that had to be finished early, because another job needs their press. */
  onLeftover: (frames: readonly Frame[]) => void = () => {};

  constructor(
    id: number,
    places: readonly (() => Place)[],
    arena: WindowArena,
    signal: AbortSignal,
    ended: () => void,
  ) {
    this.id = id;
    this.#places = places;
    this.#arena = arena;
    this.#signal = signal;
    this.#ended = ended;
    signal.addEventListener('abort', this.#whenAborted);
  }

  get threadCount(): number {
    return this.#places.length;
  }

  /** Takes a window of `WINDOW_BYTES` and a little headroom; waits until one is free. Give it back with {@link releaseWindow}. */
  async takeWindow(): Promise<SharedArrayBuffer> {
    this.#signal.throwIfAborted();
    const memory = await this.#arena.take(this);
    if (this.#isClosed) {
      this.#arena.release(this, memory);
      throw new EngineError('ABORTED');
    }
    this.#windows.set(memory, 0);
    return memory;
  }

  releaseWindow(memory: SharedArrayBuffer): void {
    const asked = this.#windows.get(memory);
    if (asked === undefined) return;
    if (asked > 0) return void this.#leaving.add(memory);
    this.#leaving.delete(memory);
    this.#windows.delete(memory);
    this.#arena.release(this, memory);
  }

  /** The thread with the least to do; of those with the same rather one that has frames of this job already. */
  pickThread(): number {
    const costs = this.#places.map((place) => {
      const { thread, owner } = place();
      return 4 * thread.load + (owner === this ? 0 : owner === null ? 1 : 5);
    });
    return costs.indexOf(Math.min(...costs));
  }

  /** @throws EngineError what the press threw; `ABORTED`; `INTERNAL` where its thread died */
  request<R extends PressRequest>(index: number, request: R): Promise<ReplyOf<R>> {
    const reply = this.#send(index, request);
    // a job that has failed no longer waits for the others of its requests
    reply.catch(() => {});
    return reply as Promise<ReplyOf<R>>;
  }

  /** Gives everything back. After a cancel nobody waits for the threads: a frame that is being compressed cannot be interrupted. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#signal.removeEventListener('abort', this.#whenAborted);
    this.#arena.leave(this);
    const closed = [...this.#used.values()].map((place) => {
      if (place.owner === this) place.owner = null;
      return place.thread.ask(this.id, { kind: 'close' }).catch(() => {});
    });
    for (const memory of [...this.#windows.keys()]) this.releaseWindow(memory);
    this.#ended();
    if (!this.#signal.aborted) await Promise.all(closed);
  }

  async #send(index: number, request: PressRequest): Promise<PressReply> {
    this.#signal.throwIfAborted();
    const place = this.#placeOf(index);
    if (request.kind === 'keep' || request.kind === 'repack') this.#fill(place, request.level);
    const memory = 'memory' in request && request.memory instanceof SharedArrayBuffer ? request.memory : null;
    if (memory) this.#windows.set(memory, this.#windows.get(memory)! + 1);
    const reply = place.thread.ask(this.id, request).finally(() => memory && this.#answered(memory));
    return new Promise((resolve, reject) => {
      this.#rejects.add(reject);
      reply.then(resolve, reject).finally(() => this.#rejects.delete(reject));
    });
  }

  /** @throws EngineError `INTERNAL` where the thread that had something of this job is gone */
  #placeOf(index: number): Place {
    const used = this.#used.get(index);
    if (used?.thread.failure) throw used.thread.failure;
    const place = used ?? this.#places[index]();
    this.#used.set(index, place);
    return place;
  }

  /** The frames of a thread become this job's: what another has in them is finished as it is. */
  #fill(place: Place, level: number): void {
    this.#level = level;
    const before = place.owner;
    if (before === this) return;
    place.owner = this;
    if (before === null) return;
    const flushed = place.thread.ask(before.id, { kind: 'flush', level: before.#level });
    flushed.then((reply) => before.#takeLeftover(reply)).catch(() => {});
  }

  #takeLeftover(reply: PressReply): void {
    if (!this.#isClosed && reply.kind === 'done' && reply.frames.length > 0) this.onLeftover(reply.frames);
  }

  #answered(memory: SharedArrayBuffer): void {
    this.#windows.set(memory, this.#windows.get(memory)! - 1);
    if (this.#leaving.has(memory)) this.releaseWindow(memory);
  }

  #abort(): void {
    this.#arena.leave(this);
    for (const reject of this.#rejects) reject(new EngineError('ABORTED'));
    this.#rejects.clear();
  }
}
