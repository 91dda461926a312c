/** Which bytes of an exFAT volume are used: what stands before the clusters, and those that the allocation bitmap says are taken. */
import { eachSetRun } from '../../core/bitmap.ts';
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { Extent } from '../../disk/block-source.port.ts';
import { placesOf, type Allocation, type ExfatVolume } from './allocation.ts';
import type { RootEntries } from './root-entries.ts';

/** Bytes of the bitmap looked at in one go: a million clusters. */
const PIECE_BYTES = 128 * 1024;

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
  const known = [rootCluster, bitmap.firstCluster, ...(upCase ? [upCase.allocation.firstCluster] : [])];

  yield [{ startBytes: 0, lengthBytes: heapStartBytes }];
  let at = 0;
  for await (const bits of piecesOf(fs, { ...bitmap, lengthBytes: bitmapBytes })) {
    signal.throwIfAborted();
    for (const cluster of known) checkTaken(bits, cluster - 2 - at * 8, cluster);
    const extents: Extent[] = [];
    eachSetRun(bits, Math.min(bits.length * 8, clusterCount - at * 8), (first, count) => {
      extents.push({
        startBytes: heapStartBytes + (at * 8 + first) * clusterBytes,
        lengthBytes: count * clusterBytes,
      });
    });
    yield extents;
    at += bits.length;
  }
}

/** @yields the bitmap, piece by piece, in a buffer that is used again */
async function* piecesOf(fs: ExfatVolume, bitmap: Allocation): AsyncGenerator<Buffer> {
  const buffer = Buffer.alloc(PIECE_BYTES);
  let left = bitmap.lengthBytes;
  for await (const places of placesOf(fs, bitmap)) {
    for (const { startBytes, lengthBytes } of places) {
      for (let at = 0; at < lengthBytes && left > 0; at += PIECE_BYTES) {
        const piece = buffer.subarray(0, Math.min(PIECE_BYTES, lengthBytes - at, left));
        await fs.view.readInto(startBytes + at, piece);
        yield piece;
        left -= piece.length;
      }
    }
  }
}

/** A bitmap that says that the volume's own tables are free cannot be believed. */
function checkTaken(bits: Buffer, bit: number, cluster: number): void {
  if (bit < 0 || bit >= bits.length * 8 || (bits[bit >>> 3] >>> (bit & 7)) & 1) return;
  throw new EngineError('FORMAT_INVALID', { field: 'allocation bitmap', value: `cluster ${cluster} is free` });
}
