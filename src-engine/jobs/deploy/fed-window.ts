/** A window of a stored disk, unpacked once, in the hands of all targets that are filled with it. */
import { EngineError } from '../../core/engine-error.ts';
import type { PressPool } from '../../store/press-pool.ts';
import type { StoredWindow } from './stored-window.ts';

/** A window in memory, which nobody may change. */
export interface UnpackedWindow {
  readonly stored: StoredWindow;
  readonly memory: SharedArrayBuffer;
}

export class FedWindow implements UnpackedWindow {
  readonly stored: StoredWindow;
  readonly memory: SharedArrayBuffer;
  /** it is unpacked, or could not be */
  readonly ready: Promise<void>;
  /** nobody has it any more */
  readonly over: Promise<void>;
  readonly #pool: PressPool;
  readonly #thread: number;
  readonly #over = Promise.withResolvers<void>();
  readonly #verified = Promise.withResolvers<void>();
  /** targets that have it, and those of them that the others wait for */
  readonly #holders: Set<object>;
  readonly #awaited: Set<object>;
  #isChecked = false;

  /**
   * @param memory of the pool's; given back when the last has left
   * @param holders who will each {@link leave}
   */
  constructor(stored: StoredWindow, pool: PressPool, memory: SharedArrayBuffer, holders: readonly object[]) {
    this.stored = stored;
    this.memory = memory;
    this.#pool = pool;
    this.#thread = pool.pickThread();
    this.#holders = new Set(holders);
    this.#awaited = new Set(holders);
    this.over = this.#over.promise;
    this.#verified.promise.catch(() => {});
    this.ready = pool.request(this.#thread, { kind: 'expand', ...this.#request }).then(() => {});
    this.ready.catch(() => {});
  }

  /**
   * What was written from the memory is what the chunks are named by: they are hashed when all who are waited for have written, so that it
   * counts for all of them, and for the memory as well. Who is not waited for any more has it hashed by itself.
   * @throws EngineError `VERIFY_MISMATCH`
   */
  async verify(holder: object): Promise<void> {
    if (!this.#awaited.has(holder)) return this.#compare();
    this.excuse(holder);
    return this.#verified.promise;
  }

  /** Nobody waits for that one any more. */
  excuse(holder: object): void {
    this.#awaited.delete(holder);
    if (this.#awaited.size > 0 || this.#isChecked) return;
    this.#isChecked = true;
    this.#compare().then(this.#verified.resolve, this.#verified.reject);
  }

  /** Every one that has not written yet is on its own. */
  excuseAll(): void {
    for (const holder of this.#holders) this.excuse(holder);
  }

  leave(holder: object): void {
    this.excuse(holder);
    this.#holders.delete(holder);
    if (this.#holders.size > 0) return;
    this.#pool.releaseWindow(this.memory);
    this.#over.resolve();
  }

  async #compare(): Promise<void> {
    const { wrong } = await this.#pool.request(this.#thread, { kind: 'compare', ...this.#request });
    if (wrong.length === 0) return;
    const { startBytes, chunks } = this.stored;
    throw new EngineError('VERIFY_MISMATCH', { offsetBytes: startBytes + chunks[wrong[0]].pieces[0] });
  }

  get #request() {
    const { memory, stored } = this;
    return { memory, base: stored.baseBytes, chunks: stored.chunks };
  }
}
