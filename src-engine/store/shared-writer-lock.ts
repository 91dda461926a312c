/** The writer's lock of one engine, for all of its jobs that add to the catalog: the first takes it, the last gives it back. */
import { lockWriter, noteHolder, type Lock } from './locks.ts';
import type { StoreLayout } from './store-layout.ts';

export class SharedWriterLock {
  /** what is shown to other processes that are refused */
  readonly #owners = new Map<symbol, string>();
  #lock: Lock | null = null;
  #prepared: Promise<void> = Promise.resolve();

  /**
   * @param prepare what has to be done before anybody writes; the first does it, the others wait until it is done
   * @throws EngineError `CATALOG_BUSY` where another process writes; what `prepare` throws
   */
  async join(layout: StoreLayout, owner: string, prepare: () => Promise<void>): Promise<Lock> {
    if (this.#lock === null) {
      this.#lock = lockWriter(layout, owner);
      this.#prepared = prepare();
    }
    const key = Symbol(owner);
    this.#owners.set(key, owner);
    this.#note(layout);
    const release = () => {
      if (!this.#owners.delete(key)) return;
      if (this.#owners.size > 0) return this.#note(layout);
      this.#lock?.release();
      this.#lock = null;
    };
    try {
      await this.#prepared;
      return { release };
    } catch (error) {
      release();
      throw error;
    }
  }

  #note(layout: StoreLayout): void {
    noteHolder(layout, [...this.#owners.values()].join(', '));
  }
}
