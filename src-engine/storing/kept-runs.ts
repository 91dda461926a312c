/** What of a window in memory is kept: of what lies outside of all that is known, blocks that are zeros are not. */
import { WINDOW_BYTES } from '../store/chunking.ts';
import type { UsedWindow } from '../versions/regions.ts';
import type { DiskAccount } from '../inspection/account/account.ts';
import { isZeros, LOOK_BLOCK_BYTES } from '../inspection/account/look.ts';

/** Of a window that is a hole: a target that held something before has to get the zeros of what is used. @returns as {@link keptRuns} */
export function keptOfHole({ extents, isOutside }: UsedWindow): Uint32Array {
  const kept = new Runs();
  for (let i = 0; i < isOutside.length; i++) if (!isOutside[i]) kept.add(extents[2 * i], extents[2 * i + 1]);
  return kept.pairs();
}

/**
 * @param memory the window's bytes
 * @param account counts what is kept
 * @returns the runs that are left, pairs (start, length); those that touch are one
 */
export function keptRuns(
  { region, window, extents, isOutside }: UsedWindow,
  memory: Buffer,
  account: DiskAccount,
): Uint32Array {
  const kept = new Runs();
  for (let i = 0; i < isOutside.length; i++) {
    const end = extents[2 * i] + extents[2 * i + 1];
    if (!isOutside[i]) {
      kept.add(extents[2 * i], extents[2 * i + 1]);
      continue;
    }
    for (let at = extents[2 * i]; at < end;) {
      const to = Math.min(end, at + LOOK_BLOCK_BYTES - (at % LOOK_BLOCK_BYTES));
      if (!isZeros(memory.subarray(at, to))) {
        kept.add(at, to - at);
        account.keep(region, { startBytes: window * WINDOW_BYTES + at, lengthBytes: to - at });
      }
      at = to;
    }
  }
  return kept.pairs();
}

/** Runs ascending; those that touch are one. */
class Runs {
  readonly #pairs: number[] = [];

  add(start: number, length: number): void {
    const last = this.#pairs.length - 2;
    if (last >= 0 && this.#pairs[last] + this.#pairs[last + 1] === start) this.#pairs[last + 1] += length;
    else this.#pairs.push(start, length);
  }

  /** (start, length), one after the other */
  pairs(): Uint32Array {
    return Uint32Array.from(this.#pairs);
  }
}
