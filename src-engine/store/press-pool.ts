/** The presses of one job: worker threads, and the shared windows that pass between them and the engine thread. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { alignedMemory } from '../core/aligned-memory.ts';
import { EngineError } from '../core/engine-error.ts';
import { WINDOW_BYTES } from './chunking.ts';
import type { PressReply, PressRequest } from './press.ts';

/**
 * Each thread costs about 60 MB: three windows, two open frames, what it has unpacked. Four keep a capture under 400 MB, and are
 * as fast as a solid-state disk.
 */
const MAX_THREADS = 4;
/** The presses make hardly any small objects: a small nursery for them saves what V8 would else let it grow to. */
const MAX_YOUNG_MEGABYTES = 4;

/** Room for a window that does not begin on a page of its disk, and for the rest of its last page. */
const HEADROOM_BYTES = 8192;

type ReplyOf<R extends PressRequest> = R extends { kind: 'cut' }
  ? Extract<PressReply, { kind: 'cut' }>
  : R extends { kind: 'compare' }
    ? Extract<PressReply, { kind: 'compared' }>
    : R extends { kind: 'pack' }
      ? Extract<PressReply, { kind: 'packed' }>
      : R extends { kind: 'audit' }
        ? Extract<PressReply, { kind: 'audited' }>
        : Extract<PressReply, { kind: 'done' }>;

interface Thread {
  readonly worker: Worker;
  readonly waiting: Map<number, { resolve(reply: PressReply): void; reject(error: Error): void }>;
  /** set once the thread has ended */
  failure: EngineError | null;
}

export class PressPool {
  readonly #threads: Thread[] = [];
  readonly #freeWindows: SharedArrayBuffer[] = [];
  readonly #windowWaiters: ((memory: SharedArrayBuffer) => void)[] = [];
  readonly #signal: AbortSignal;
  #nextId = 0;

  /**
   * @param workerUrl the entry of the worker threads, given by the host
   * @param signal ends the threads; what is asked of them fails with `ABORTED` at once
   * @param windowsPerThread two are enough where nothing is read from a disk into them
   */
  constructor(workerUrl: URL, signal: AbortSignal, windowsPerThread: 2 | 3 = 3) {
    const threads = Math.min(availableParallelism(), MAX_THREADS);
    this.#signal = signal;
    signal.addEventListener('abort', () => this.#threads.forEach((thread) => end(thread, new EngineError('ABORTED'))));
    for (let i = 0; i < threads; i++) this.#threads.push(startThread(workerUrl));
    for (let i = 0; i < threads * windowsPerThread + 1; i++)
      this.#freeWindows.push(alignedMemory(WINDOW_BYTES + HEADROOM_BYTES));
  }

  get threadCount(): number {
    return this.#threads.length;
  }

  /** Takes a window of {@link WINDOW_BYTES} and a little headroom; waits until one is free. Give it back with {@link releaseWindow}. */
  takeWindow(): Promise<SharedArrayBuffer> {
    const memory = this.#freeWindows.pop();
    return memory ? Promise.resolve(memory) : new Promise((resolve) => this.#windowWaiters.push(resolve));
  }

  releaseWindow(memory: SharedArrayBuffer): void {
    const waiter = this.#windowWaiters.shift();
    if (waiter) waiter(memory);
    else this.#freeWindows.push(memory);
  }

  /** The thread with the least to do. */
  pickThread(): number {
    let best = 0;
    this.#threads.forEach((thread, i) => {
      if (thread.waiting.size < this.#threads[best].waiting.size) best = i;
    });
    return best;
  }

  /** @throws EngineError what the press threw; `INTERNAL` where its thread died */
  request<R extends PressRequest>(thread: number, request: R): Promise<ReplyOf<R>> {
    const { worker, waiting, failure } = this.#threads[thread];
    if (failure) return Promise.reject(failure);
    const id = this.#nextId++;
    const reply = new Promise<ReplyOf<R>>((resolve, reject) => {
      waiting.set(id, { resolve: resolve as (reply: PressReply) => void, reject });
      worker.postMessage({ id, request }, request.kind === 'pack' ? [request.memory.buffer as ArrayBuffer] : []);
    });
    // a job that has failed no longer waits for the others of its requests
    reply.catch(() => {});
    return reply;
  }

  /** Ends the threads. After a cancel nobody waits for them: a frame that is being compressed cannot be interrupted. */
  async close(): Promise<void> {
    const ended = Promise.all(this.#threads.map((thread) => thread.worker.terminate()));
    if (!this.#signal.aborted) await ended;
  }
}

function startThread(workerUrl: URL): Thread {
  const worker = new Worker(workerUrl, { resourceLimits: { maxYoungGenerationSizeMb: MAX_YOUNG_MEGABYTES } });
  const thread: Thread = { worker, waiting: new Map(), failure: null };
  const { waiting } = thread;
  worker.on('message', ({ id, reply }: { id: number; reply: PressReply }) => {
    const call = waiting.get(id);
    waiting.delete(id);
    if (reply.kind === 'error') call?.reject(new EngineError(reply.error.code, reply.error.data, reply.error.hint));
    else call?.resolve(reply);
  });
  const fail = (cause: unknown) =>
    end(thread, new EngineError('INTERNAL', { reason: 'press thread ended' }, String(cause)));
  worker.on('error', fail);
  worker.on('exit', fail);
  return thread;
}

/** Nothing more is asked of a thread, and who waits for it is told why. */
function end(thread: Thread, failure: EngineError): void {
  thread.failure ??= failure;
  for (const call of thread.waiting.values()) call.reject(thread.failure);
  thread.waiting.clear();
  void thread.worker.terminate();
}
