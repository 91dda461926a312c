/** A window of a stored disk as it belongs on one target: its partition may have moved, or not be written from the template as it is. */
import type { Extent } from '../../disk/block-source.port.ts';
import type { Region } from '../../versions/regions.ts';
import { bytesOf, within, withoutExtents } from '../../volumes/extents.ts';
import type { Placement } from './place.ts';
import { PAGE_BYTES } from '../../core/direct-access.ts';
import { extentsOf, type StoredWindow } from './stored-window.ts';

/** Offsets are those of the target. */
export interface TargetWindow {
  /** what of the window belongs on the target, ascending */
  readonly runs: readonly Extent[];
  /** from its first used byte to its last */
  readonly extent: Extent;
  /** chunks of nothing but zeros */
  readonly zeros: readonly Extent[];
  /** where the memory that holds the window begins on the target: on a page, unless the partition moved by less than one */
  readonly memoryStart: number;
  readonly startBytes: number;
  /** all of it belongs there, and its pages in memory are pages of the target */
  readonly isAsItWas: boolean;
}

/**
 * @param from the template's regions
 * @param targetBytes length of the target
 * @returns null: nothing of it is written from the template as it is
 */
export function targetWindow(
  { region, startBytes, runs, extent, chunks, memoryStart }: StoredWindow,
  from: readonly Region[],
  { regions, taken }: Pick<Placement, 'regions' | 'taken'>,
  targetBytes: number,
): TargetWindow | null {
  const place = regions[region];
  if (!place) return null;
  const shiftBytes = place.startBytes - from[region].startBytes;
  const moved = (some: Extent): Extent => ({ ...some, startBytes: some.startBytes + shiftBytes });
  const all = runs.map(moved);
  // what lies around partitions and behind the end of a smaller target, or where partitions have come to lie, has no place there
  const present = region === 0 ? withoutExtents(within({ startBytes: 0, lengthBytes: targetBytes }, all), taken) : all;
  return {
    runs: present,
    extent: moved(extent),
    zeros: chunks
      .filter(({ frame }) => frame === null)
      .flatMap(({ pieces }) => extentsOf(pieces, startBytes + shiftBytes)),
    memoryStart: memoryStart + shiftBytes,
    startBytes: startBytes + shiftBytes,
    isAsItWas: bytesOf(present) === bytesOf(all) && shiftBytes % PAGE_BYTES === 0,
  };
}
