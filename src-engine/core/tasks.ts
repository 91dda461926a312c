/** A bounded set of promises under way: the first failure is kept, and waited for with the rest. */
export class Tasks {
  readonly #running = new Set<Promise<void>>();
  #failure: unknown = null;
  #hasFailed = false;

  /** Starts one. The caller bounds how many run, by what each of them takes first (a window of the pool). */
  start(work: () => Promise<void>): void {
    const task: Promise<void> = work()
      .catch((error) => {
        if (!this.#hasFailed) this.#failure = error;
        this.#hasFailed = true;
      })
      .finally(() => this.#running.delete(task));
    this.#running.add(task);
  }

  /** @throws the first failure, as soon as there is one */
  check(): void {
    if (this.#hasFailed) throw this.#failure;
  }

  /** Waits for all, whatever becomes of them. */
  async settle(): Promise<void> {
    await Promise.all(this.#running);
  }

  /** Waits for all. @throws the first failure */
  async finish(): Promise<void> {
    await this.settle();
    this.check();
  }
}
