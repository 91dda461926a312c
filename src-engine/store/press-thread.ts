/** One worker thread with a press: requests go in, replies come out in the same order. */
import { Worker } from 'node:worker_threads';
import { EngineError } from '../core/engine-error.ts';
import type { PressReply, PressRequest } from './press.ts';

/** The presses make hardly any small objects: a small nursery for them saves what V8 would else let it grow to. */
const MAX_YOUNG_MEGABYTES = 4;

export class PressThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, { resolve(reply: PressReply): void; reject(error: Error): void }>();
  #failure: EngineError | null = null;
  #nextId = 0;

  constructor(workerUrl: URL) {
    this.#worker = new Worker(workerUrl, { resourceLimits: { maxYoungGenerationSizeMb: MAX_YOUNG_MEGABYTES } });
    this.#worker.on('message', ({ id, reply }: { id: number; reply: PressReply }) => {
      const call = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (reply.kind === 'error') call?.reject(EngineError.of(reply.error));
      else call?.resolve(reply);
    });
    const fail = (cause: unknown) =>
      this.#end(new EngineError('INTERNAL', { reason: 'press thread ended' }, String(cause)));
    this.#worker.on('error', fail);
    this.#worker.on('exit', fail);
  }

  /** How much it has to do. */
  get load(): number {
    return this.#waiting.size;
  }

  /** why it has ended; null: it has not */
  get failure(): EngineError | null {
    return this.#failure;
  }

  /** @param job whose windows and frames it is about @throws EngineError what the press threw; `INTERNAL` where the thread died */
  ask(job: number, request: PressRequest): Promise<PressReply> {
    if (this.#failure) return Promise.reject(this.#failure);
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage(
        { id, job, request },
        request.kind === 'pack' ? [request.memory.buffer as ArrayBuffer] : [],
      );
    });
  }

  async terminate(): Promise<void> {
    this.#end(new EngineError('ABORTED'));
    await this.#worker.terminate();
  }

  /** Nothing more is asked of it, and who waits is told why. */
  #end(failure: EngineError): void {
    this.#failure ??= failure;
    for (const call of this.#waiting.values()) call.reject(this.#failure);
    this.#waiting.clear();
  }
}
