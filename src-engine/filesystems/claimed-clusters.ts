/** Clusters that files say are theirs, against an allocation bitmap that says which are taken. */
import { EngineError } from '../core/engine-error.ts';

/** So many runs are kept; a look that finds more goes no further. */
const RUNS_MAX = 2 ** 20;

export class ClaimedClusters {
  #runs: { first: number; end: number }[] = [];
  #next = 0;

  get isFull(): boolean {
    return this.#runs.length >= RUNS_MAX;
  }

  add(first: number, count: number): void {
    if (count > 0 && !this.isFull) this.#runs.push({ first, end: first + count });
  }

  /** Puts the runs in order and joins them; none is added after this. */
  close(): void {
    const joined: { first: number; end: number }[] = [];
    for (const run of this.#runs.sort((a, b) => a.first - b.first)) {
      const before = joined.at(-1);
      if (before && run.first <= before.end) before.end = Math.max(before.end, run.end);
      else joined.push(run);
    }
    this.#runs = joined;
    this.#next = 0;
  }

  /**
   * Asked piece by piece, in ascending order.
   * @param bits a piece of the bitmap
   * @param first the cluster of its first bit, counted as {@link add} counts
   * @throws EngineError `FORMAT_INVALID` (data: `field`) where a cluster that a file claims is free
   */
  checkTaken(field: string, bits: Uint8Array, first: number): void {
    const end = first + bits.length * 8;
    for (; this.#next < this.#runs.length; this.#next++) {
      const run = this.#runs[this.#next];
      for (let cluster = Math.max(run.first, first); cluster < Math.min(run.end, end); cluster++) {
        const bit = cluster - first;
        if ((bit & 7) === 0 && cluster + 8 <= run.end && bits[bit >>> 3] === 0xff) cluster += 7;
        else if (((bits[bit >>> 3] >>> (bit & 7)) & 1) === 0) {
          throw new EngineError('FORMAT_INVALID', { field, value: 'a cluster of a file is free', cluster });
        }
      }
      if (run.end > end) return;
    }
  }
}
