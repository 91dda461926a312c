/**
 * How a disk becomes regions in a manifest: region 0 is the layout around the partitions, in disk offsets; regions 1, 2…
 * are the volumes, each in its own offsets, so that the same volume elsewhere on a disk has the same chunks.
 */
import { z } from 'zod';
import type { Extent } from '../disk/block-source.port.ts';
import { MAX_UNIT_BYTES, WINDOW_BYTES } from '../store/chunking.ts';
import type { InspectedDisk } from './disk-inspection.ts';

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
}

export function regionsOf(disk: InspectedDisk): Region[] {
  return [
    { startBytes: 0, lengthBytes: disk.source.lengthBytes },
    ...disk.layout.partitions.map(({ startBytes, lengthBytes }) => ({ startBytes, lengthBytes })),
  ];
}

/** Every window that has used bytes, region by region, in ascending order. */
export async function* usedWindows(disk: InspectedDisk, signal: AbortSignal): AsyncGenerator<UsedWindow> {
  yield* cutIntoWindows(0, disk.source.sectorBytes, [disk.layout.metadata]);
  for (const [i, volume] of disk.volumes.entries()) {
    const unitBytes = Math.min(volume.unitBytes, MAX_UNIT_BYTES);
    yield* cutIntoWindows(i + 1, unitBytes, volume.used(signal));
  }
}

async function* cutIntoWindows(
  region: number,
  unitBytes: number,
  batches: AsyncIterable<readonly Extent[]> | Iterable<readonly Extent[]>,
): AsyncGenerator<UsedWindow> {
  let window = 0;
  let runs: number[] = [];
  const take = (): UsedWindow => ({ region, window, unitBytes, extents: Uint32Array.from(runs) });
  for await (const batch of batches) {
    for (const { startBytes, lengthBytes } of batch) {
      for (let at = startBytes, end = startBytes + lengthBytes; at < end;) {
        const place = Math.floor(at / WINDOW_BYTES);
        if (place !== window) {
          if (runs.length > 0) yield take();
          runs = [];
          window = place;
        }
        const start = at - place * WINDOW_BYTES;
        const length = Math.min(end - at, WINDOW_BYTES - start);
        const last = runs.length - 2;
        if (last >= 0 && runs[last] + runs[last + 1] === start) runs[last + 1] += length;
        else runs.push(start, length);
        at += length;
      }
    }
  }
  if (runs.length > 0) yield take();
}
