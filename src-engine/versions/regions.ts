/**
 * How a disk becomes regions in a manifest: region 0 is the layout around the partitions, in disk offsets; regions 1, 2…
 * are the volumes, each in its own offsets, so that the same volume elsewhere on a disk has the same chunks.
 */
import { z } from 'zod';
import type { Extent } from '../disk/block-source.port.ts';
import { MAX_UNIT_BYTES, WINDOW_BYTES } from '../store/chunking.ts';
import type { InspectedDisk } from '../inspection/disk-inspection.ts';

export const RegionSchema = z.object({
  startBytes: z.number().int().nonnegative(),
  lengthBytes: z.number().int().nonnegative(),
});
export type Region = z.infer<typeof RegionSchema>;

/** A window of a region with the runs in it that are used: pairs (start, length) relative to the window. */
export interface UsedWindow {
  readonly region: number;
  readonly window: number;
  readonly unitBytes: number;
  readonly extents: Uint32Array;
  /** a flag for each of them: it lies outside of all that is known, and counts where it is not zeros */
  readonly isOutside: Uint8Array;
}

/** What is taken of a disk beside its layout and its volumes, in offsets of the region: ascending. */
export interface OutsideOfRegions {
  /** as it is */
  knownIn(region: number): readonly Extent[];
  /** where it is not zeros */
  readIn(region: number): readonly Extent[];
}

export function regionsOf(disk: InspectedDisk): Region[] {
  return [
    { startBytes: 0, lengthBytes: disk.source.lengthBytes },
    ...disk.layout.partitions.map(({ startBytes, lengthBytes }) => ({ startBytes, lengthBytes })),
  ];
}

/** Every window that has used bytes, region by region, in ascending order. */
export async function* usedWindows(
  disk: InspectedDisk,
  outside: OutsideOfRegions,
  signal: AbortSignal,
): AsyncGenerator<UsedWindow> {
  yield* cutIntoWindows(0, disk.source.sectorBytes, merged(oneBatch(disk.layout.metadata), outside, 0));
  for (const [i, volume] of disk.volumes.entries()) {
    const unitBytes = Math.min(volume.unitBytes, MAX_UNIT_BYTES);
    yield* cutIntoWindows(i + 1, unitBytes, merged(volume.used(signal), outside, i + 1));
  }
}

async function* oneBatch(extents: readonly Extent[]): AsyncGenerator<readonly Extent[]> {
  yield extents;
}

interface Run extends Extent {
  readonly isOutside: boolean;
}

/** What is used and what lies outside of it, ascending. */
async function* merged(
  used: AsyncIterable<readonly Extent[]>,
  outside: OutsideOfRegions,
  region: number,
): AsyncGenerator<Run[]> {
  const rest: Run[] = [
    ...outside.knownIn(region).map((extent) => ({ ...extent, isOutside: false })),
    ...outside.readIn(region).map((extent) => ({ ...extent, isOutside: true })),
  ].sort((a, b) => a.startBytes - b.startBytes);
  let next = 0;
  for await (const batch of used) {
    const runs: Run[] = [];
    for (const { startBytes, lengthBytes } of batch) {
      while (next < rest.length && rest[next].startBytes < startBytes) runs.push(rest[next++]);
      runs.push({ startBytes, lengthBytes, isOutside: false });
    }
    yield runs;
  }
  if (next < rest.length) yield rest.slice(next);
}

async function* cutIntoWindows(
  region: number,
  unitBytes: number,
  batches: AsyncIterable<readonly Run[]>,
): AsyncGenerator<UsedWindow> {
  let window = 0;
  let runs: number[] = [];
  let flags: number[] = [];
  const take = (): UsedWindow => ({
    region,
    window,
    unitBytes,
    extents: Uint32Array.from(runs),
    isOutside: Uint8Array.from(flags),
  });
  for await (const batch of batches) {
    for (const { startBytes, lengthBytes, isOutside } of batch) {
      const flag = Number(isOutside);
      for (let at = startBytes, end = startBytes + lengthBytes; at < end;) {
        const place = Math.floor(at / WINDOW_BYTES);
        if (place !== window) {
          if (runs.length > 0) yield take();
          runs = [];
          flags = [];
          window = place;
        }
        const start = at - place * WINDOW_BYTES;
        const length = Math.min(end - at, WINDOW_BYTES - start);
        const last = runs.length - 2;
        const touches = last >= 0 && runs[last] + runs[last + 1] === start && flags.at(-1) === flag;
        if (touches) runs[last + 1] += length;
        else {
          runs.push(start, length);
          flags.push(flag);
        }
        at += length;
      }
    }
  }
  if (runs.length > 0) yield take();
}
