/** Which bytes of an exFAT volume are used: what stands before the clusters, and those that the allocation bitmap says are taken. */
import { eachSetRun } from '../../core/bitmap.ts';
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { Extent } from '../../disk/block-source.port.ts';
import { placesOf, type Allocation, type ExfatVolume } from './allocation.ts';
import { claimedClusters } from './claims.ts';
import type { RootEntries } from './root-entries.ts';

/** Bytes of the bitmap looked at in one go: a million clusters. */
const PIECE_BYTES = 128 * 1024;

/**
 * @yields the used bytes, one batch for a piece of the bitmap
 * @throws EngineError `FORMAT_INVALID` where there is no bitmap, it is too short, or a cluster of the volume's own tables
 *   or of a file is free in it
 */
export async function* usedClusters(fs: ExfatVolume, root: RootEntries, signal: AbortSignal): AsyncGenerator<Extent[]> {
  const { bitmap } = root;
  const { clusterCount, clusterBytes, heapStartBytes } = fs.geometry;
  if (!bitmap) throw new EngineError('FORMAT_INVALID', { field: 'allocation bitmap', value: 'none' });
  const bitmapBytes = Math.ceil(clusterCount / 8);
  checkRange('DataLength of the bitmap', bitmap.lengthBytes, bitmapBytes, Number.MAX_SAFE_INTEGER);
  const claimed = await claimedClusters(fs, root, signal);

  yield [{ startBytes: 0, lengthBytes: heapStartBytes }];
  let at = 0;
  for await (const bits of piecesOf(fs, { ...bitmap, lengthBytes: bitmapBytes })) {
    signal.throwIfAborted();
    claimed.checkTaken('allocation bitmap', bits, at * 8);
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
