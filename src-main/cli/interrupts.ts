/**
 * Ctrl-C, and the request to end. Whoever works at the moment says what that means, as a job that is cancelled and followed to its end;
 * where nobody does, the command ends as cancelled. Imports nothing: signals are heard from the first moment on.
 */
const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
/** What shells call a program that Ctrl-C ended; it stands in the README. */
const CANCELLED = 130;

class Interrupts {
  readonly #abort = new AbortController();
  readonly #takers: (() => void)[] = [];

  constructor() {
    for (const name of SIGNALS) process.on(name, () => this.#come());
  }

  /** Aborts when the command is to end. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** @param taker is called instead, the latest first @returns what gives it back */
  take(taker: () => void): () => void {
    this.#takers.push(taker);
    return () => {
      const at = this.#takers.lastIndexOf(taker);
      if (at >= 0) this.#takers.splice(at, 1);
    };
  }

  #come(): void {
    const taker = this.#takers.at(-1);
    if (taker) return taker();
    // what is asked twice is meant: nothing that runs could be left half made
    if (this.signal.aborted) process.exit(CANCELLED);
    this.#abort.abort();
  }
}

export const interrupts = new Interrupts();
