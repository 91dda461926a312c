/** Which clusters the records of $MFT say are theirs: what ntfsclone counts before it believes $Bitmap. */
import { EngineError } from '../../core/engine-error.ts';
import { ClaimedClusters } from '../claimed-clusters.ts';
import { parseRecord, type MftRecord, type NtfsVolume } from './records.ts';
import { decodeRuns } from './runs.ts';

/** The look ends here: 65,536 records of 1 KiB, those of NTFS itself first. More would be minutes on a slow disk. */
const LOOKED_AT_BYTES_MAX = 64 * 1024 * 1024;
const PIECE_BYTES = 1024 * 1024;

/** @throws EngineError `FORMAT_INVALID`, `READ_FAILED`; records that are damaged or not in use claim nothing */
export async function claimedClusters(ntfs: NtfsVolume, signal: AbortSignal): Promise<ClaimedClusters> {
  const { recordBytes, clusterCount } = ntfs.geometry;
  const claimed = new ClaimedClusters();
  const length = Math.min(ntfs.mft.lengthBytes, LOOKED_AT_BYTES_MAX);
  const buffer = Buffer.allocUnsafe(PIECE_BYTES);
  for (let at = 0; at < length && !claimed.isFull; at += PIECE_BYTES) {
    signal.throwIfAborted();
    const piece = buffer.subarray(0, length - at);
    await ntfs.mft.readInto(at, piece);
    for (let from = 0; from + recordBytes <= piece.length; from += recordBytes) {
      const number = (at + from) / recordBytes;
      for (const { lcn, count } of runsOf(piece.subarray(from, from + recordBytes), number, clusterCount)) {
        if (lcn !== null) claimed.add(lcn, count);
      }
    }
  }
  claimed.close();
  return claimed;
}

/** @throws EngineError `FORMAT_INVALID` where a record that is sound leads out of the volume: one of the two says what is not so */
function runsOf(bytes: Buffer, number: number, clusterCount: number): ReturnType<typeof decodeRuns> {
  const record = recordOf(bytes, number);
  return (record?.attributes ?? []).flatMap((part) => (part.value === null ? decodeRuns(part, clusterCount) : []));
}

function recordOf(bytes: Buffer, number: number): MftRecord | null {
  try {
    return parseRecord(bytes, number);
  } catch (error) {
    if (error instanceof EngineError && error.code === 'FORMAT_INVALID') return null;
    throw error;
  }
}
