/** Which clusters of NTFS are used, from $Bitmap. */
import { eachSetRun } from '../../core/bitmap.ts';
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { Extent } from '../../disk/block-source.port.ts';
import type { FileContent } from '../file-tree.port.ts';
import { ATTRIBUTE } from './attributes.ts';
import { claimedClusters } from './claims.ts';
import { contentOf } from './contents.ts';
import { readRecord, RECORD, type NtfsVolume } from './records.ts';
import { openAttribute, required } from './streams.ts';

/** Read at once: the clusters of 32 GiB, where they are of 4 KiB. */
const PIECE_BYTES = 1024 * 1024;
/** Handed on at once: at most 32,768 extents. */
const BATCH_BYTES = 8192;
const FREE = Buffer.alloc(BATCH_BYTES);

/**
 * The bitmap is believed where the clusters of files are taken in it, as far as they are looked at.
 * The copy of the boot sector stands behind the last cluster, and the bitmap knows nothing of it.
 * @yields the used bytes, one batch for a piece of the bitmap that has any
 * @throws EngineError `FORMAT_INVALID` where the bitmap cannot be trusted
 */
export async function* usedClusters(ntfs: NtfsVolume, signal: AbortSignal): AsyncGenerator<Extent[]> {
  const { clusterCount, clusterBytes, mftLcn, backupBootBytes, sectorBytes } = ntfs.geometry;
  const bitmap = await openBitmap(ntfs);
  const bitmapBytes = Math.ceil(clusterCount / 8);
  const claimed = await claimedClusters(ntfs, signal);
  const buffer = Buffer.allocUnsafe(Math.min(PIECE_BYTES, bitmapBytes));
  for (let at = 0; at < bitmapBytes; at += PIECE_BYTES) {
    signal.throwIfAborted();
    const piece = buffer.subarray(0, bitmapBytes - at);
    await bitmap.readInto(at, piece);
    for (const cluster of [0, mftLcn]) checkUsed(piece, cluster - at * 8, cluster);
    claimed.checkTaken('$Bitmap', piece, at * 8);
    for (let from = 0; from < piece.length; from += BATCH_BYTES) {
      const bits = piece.subarray(from, from + BATCH_BYTES);
      if (bits.equals(FREE.subarray(0, bits.length))) continue;
      const first = (at + from) * 8;
      const extents: Extent[] = [];
      eachSetRun(bits, Math.min(bits.length * 8, clusterCount - first), (start, count) => {
        extents.push({ startBytes: (first + start) * clusterBytes, lengthBytes: count * clusterBytes });
      });
      yield extents;
    }
  }
  if (backupBootBytes + sectorBytes <= ntfs.source.lengthBytes) {
    yield [{ startBytes: backupBootBytes, lengthBytes: sectorBytes }];
  }
}

/** @throws EngineError `FORMAT_INVALID` where it does not say something of every cluster */
async function openBitmap(ntfs: NtfsVolume): Promise<FileContent> {
  const stream = required(await openAttribute(ntfs, await readRecord(ntfs, RECORD.BITMAP), ATTRIBUTE.DATA), 'DATA');
  const neededBytes = Math.ceil(ntfs.geometry.clusterCount / 8);
  const lengthBytes =
    'value' in stream ? stream.value.length : Math.min(stream.head.dataBytes, stream.head.initializedBytes);
  checkRange('length of $Bitmap', lengthBytes, neededBytes, Number.MAX_SAFE_INTEGER);
  if ('head' in stream) {
    for await (const runs of stream.runsFrom(0)) {
      if (runs.some((run) => run.lcn === null)) {
        throw new EngineError('FORMAT_INVALID', { field: '$Bitmap', value: 'hole' });
      }
    }
  }
  return contentOf(ntfs, stream);
}

/** A bitmap that takes what is certainly used for free is none. */
function checkUsed(piece: Buffer, bit: number, cluster: number): void {
  if (bit < 0 || bit >= piece.length * 8) return;
  if (((piece[bit >>> 3] >>> (bit & 7)) & 1) === 0) {
    throw new EngineError('FORMAT_INVALID', { field: '$Bitmap', value: 'free', cluster });
  }
}
