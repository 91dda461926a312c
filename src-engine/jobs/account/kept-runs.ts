/** What of a window in memory is kept: of what lies outside of all that is known, blocks that are zeros are not. */
import { WINDOW_BYTES } from '../../store/chunking.ts';
import type { UsedWindow } from '../regions.ts';
import type { DiskAccount } from './account.ts';
import { isZeros, LOOK_BLOCK_BYTES } from './look.ts';

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
  const kept: number[] = [];
  const add = (start: number, length: number) => {
    const last = kept.length - 2;
    if (last >= 0 && kept[last] + kept[last + 1] === start) kept[last + 1] += length;
    else kept.push(start, length);
  };
  for (let i = 0; i < isOutside.length; i++) {
    const end = extents[2 * i] + extents[2 * i + 1];
    if (!isOutside[i]) {
      add(extents[2 * i], extents[2 * i + 1]);
      continue;
    }
    for (let at = extents[2 * i]; at < end;) {
      const to = Math.min(end, at + LOOK_BLOCK_BYTES - (at % LOOK_BLOCK_BYTES));
      if (!isZeros(memory.subarray(at, to))) {
        add(at, to - at);
        account.keep(region, { startBytes: window * WINDOW_BYTES + at, lengthBytes: to - at });
      }
      at = to;
    }
  }
  return Uint32Array.from(kept);
}
