/** Runs of used bytes on their way from a file system to its caller. */
import type { BlockSource, Extent } from '../disk/block-source.port.ts';

/** One extent over all of `volume`: for a file system that must be captured whole. */
export async function* wholeVolume(volume: BlockSource): AsyncGenerator<Extent[]> {
  if (volume.lengthBytes > 0) yield [{ startBytes: 0, lengthBytes: volume.lengthBytes }];
}

/**
 * Joins extents that touch, also from one batch to the next, so that a run is not cut where a block group or a piece of an
 * allocation table ends. Expects ascending, disjoint extents.
 */
export async function* joinTouching(batches: AsyncIterable<Extent[]>): AsyncGenerator<Extent[]> {
  let startBytes = 0;
  let endBytes = 0;
  for await (const batch of batches) {
    const joined: Extent[] = [];
    for (const extent of batch) {
      if (extent.startBytes !== endBytes) {
        if (endBytes > startBytes) joined.push({ startBytes, lengthBytes: endBytes - startBytes });
        startBytes = extent.startBytes;
      }
      endBytes = extent.startBytes + extent.lengthBytes;
    }
    if (joined.length > 0) yield joined;
  }
  if (endBytes > startBytes) yield [{ startBytes, lengthBytes: endBytes - startBytes }];
}
