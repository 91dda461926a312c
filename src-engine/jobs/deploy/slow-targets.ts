/** How long those who have room wait for those who have none: a moment each, and then not any more. */
import type { FeedPlace } from './feed-place.ts';

const PATIENCE_MS = 2000;
/** Of the time that has gone by: what varies over a long deploy evens out. */
const PATIENCE_SHARE = 0.1;
/** Who never says anything is looked at from time to time. */
const LOOK_MS = 100;

export class SlowTargets {
  readonly #began = performance.now();
  #wake: () => void = () => {};

  /** A place may have room. */
  readonly changed = () => this.#wake();

  /**
   * Waits until each has room. One alone need not have any: it is held up by nobody.
   * @returns those that had none for too long while others had
   */
  async roomFor(places: readonly FeedPlace[]): Promise<FeedPlace[]> {
    const late: FeedPlace[] = [];
    for (;;) {
      const present = places.filter((place) => !place.hasFailed && !late.includes(place));
      const full = present.filter(({ isFull }) => isFull);
      if (present.length <= 1 || full.length === 0) return late;
      const from = performance.now();
      await this.#change();
      const now = performance.now();
      // where all are full, none waits for another
      if (full.length < present.length) for (const place of full) place.heldUpMs += now - from;
      const patienceMs = Math.max(PATIENCE_MS, PATIENCE_SHARE * (now - this.#began));
      late.push(...full.filter((place) => place.isFull && place.heldUpMs > patienceMs));
    }
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, LOOK_MS);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
