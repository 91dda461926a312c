/** How many plans are carried out at once, whatever jobs they are of: each has windows of the presses, of which there are only so many. */
export class Places {
  readonly #freed: () => void;
  #free: number;
  /** who came first gets the next one */
  readonly #waiting: (() => void)[] = [];

  /** @param freed is told when one is free that nobody waits for */
  constructor(count: number, freed: () => void) {
    this.#free = count;
    this.#freed = freed;
  }

  get areFree(): boolean {
    return this.#free > 0;
  }

  /** Runs work in a place, at once where one is free. @throws what the work throws; the signal's reason where it aborts before the work began */
  async use<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.#take(signal);
    try {
      signal.throwIfAborted();
      return await work();
    } finally {
      this.#leave();
    }
  }

  /** Taken before this returns, where one is free. */
  #take(signal: AbortSignal): Promise<void> {
    if (this.#free > 0) {
      this.#free--;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const begin = () => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(begin), 1);
        reject(signal.reason as Error);
      };
      this.#waiting.push(begin);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next) return next();
    this.#free++;
    this.#freed();
  }
}
