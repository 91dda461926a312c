/** Work that is done side by side, and whose results are taken in the order in which it was given. */
import { Slots } from './slots.ts';

/** zlib's functions run on Node's four threads. */
const AT_ONCE = 4;
/** Results that wait for those before them. */
const OUTSTANDING_MAX = 16;

export class InOrder<T> {
  readonly #take: (result: T) => Promise<void>;
  readonly #working = new Slots(AT_ONCE);
  readonly #places = new Slots(OUTSTANDING_MAX);
  #last: Promise<void> = Promise.resolve();
  #failure: { readonly error: unknown } | null = null;

  /** @param take called with one result after the other, never twice at once */
  constructor(take: (result: T) => Promise<void>) {
    this.#take = take;
  }

  /**
   * Waits until there is room for more.
   * @throws whatever earlier work or `take` threw
   */
  async add(work: () => Promise<T>): Promise<void> {
    await this.#places.take();
    this.#check();
    const before = this.#last;
    this.#last = this.#takeNext(before, this.#working.run(work)).finally(() => this.#places.give());
  }

  /** Waits for all of it. @throws as {@link add} */
  async finish(): Promise<void> {
    await this.#last;
    this.#check();
  }

  /** Waits for all of it, whatever came of it. */
  settle(): Promise<void> {
    return this.#last;
  }

  /** Never fails, and ends after all that came before it. */
  async #takeNext(before: Promise<void>, result: Promise<T>): Promise<void> {
    // it may fail before its turn, while nobody waits for it
    result.catch(() => {});
    await before;
    try {
      const own = await result;
      if (!this.#failure) await this.#take(own);
    } catch (error) {
      this.#failure ??= { error };
    }
  }

  #check(): void {
    if (this.#failure) throw this.#failure.error;
  }
}
