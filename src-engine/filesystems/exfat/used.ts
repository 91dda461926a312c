/** Which bytes of an exFAT volume are used: what stands before the clusters, and those that the allocation bitmap says are taken. */
import { eachSetRun } from '../../core/bitmap.ts';
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { Extent } from '../../disk/block-source.port.ts';
import { contentOf, type ExfatVolume } from './allocation.ts';
import type { RootEntries } from './root-entries.ts';

/** Bytes of the bitmap looked at in one go: 262,144 clusters. */
const PIECE_BYTES = 32 * 1024;

/**
 * @yields the used bytes, one batch for a piece of the bitmap
 * @throws EngineError `FORMAT_INVALID` where there is no bitmap, it is too short, or says that it is not used itself
 */
export async function* usedClusters(
  fs: ExfatVolume,
  { bitmap, upCase }: RootEntries,
  signal: AbortSignal,
): AsyncGenerator<Extent[]> {
  const { clusterCount, clusterBytes, heapStartBytes, rootCluster } = fs.geometry;
  if (!bitmap) throw new EngineError('FORMAT_INVALID', { field: 'allocation bitmap', value: 'none' });
  const bitmapBytes = Math.ceil(clusterCount / 8);
  checkRange('DataLength of the bitmap', bitmap.lengthBytes, bitmapBytes, Number.MAX_SAFE_INTEGER);
  const content = contentOf(fs, bitmap);
  const known = [rootCluster, bitmap.firstCluster, ...(upCase ? [upCase.allocation.firstCluster] : [])];

  yield [{ startBytes: 0, lengthBytes: heapStartBytes }];
  for (let at = 0; at < bitmapBytes; at += PIECE_BYTES) {
    signal.throwIfAborted();
    const bits = Buffer.alloc(Math.min(PIECE_BYTES, bitmapBytes - at));
    await content.readInto(at, bits);
    for (const cluster of known) checkTaken(bits, cluster - 2 - at * 8, cluster);
    const extents: Extent[] = [];
    eachSetRun(bits, Math.min(bits.length * 8, clusterCount - at * 8), (first, count) => {
      extents.push({
        startBytes: heapStartBytes + (at * 8 + first) * clusterBytes,
        lengthBytes: count * clusterBytes,
      });
    });
    yield extents;
  }
}

/** A bitmap that says that the volume's own tables are free cannot be believed. */
function checkTaken(bits: Buffer, bit: number, cluster: number): void {
  if (bit < 0 || bit >= bits.length * 8 || (bits[bit >>> 3] >>> (bit & 7)) & 1) return;
  throw new EngineError('FORMAT_INVALID', { field: 'allocation bitmap', value: `cluster ${cluster} is free` });
}
