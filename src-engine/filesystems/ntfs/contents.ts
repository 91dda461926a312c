/** The content of a stream: plain, with holes, or compressed. */
import { checkRange, checkSpan } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { Extent } from '../../disk/block-source.port.ts';
import { joinTouching } from '../extents.ts';
import type { FileContent } from '../file-tree.port.ts';
import { mappedContent, memoryContent, type FileRun } from '../mapped-content.ts';
import { fileRuns } from './file-runs.ts';
import { unpackLznt1 } from './lznt1.ts';
import type { NtfsVolume } from './records.ts';
import { runAt, type ClusterRun } from './runs.ts';
import type { AttributeValue, ClusterStream } from './streams.ts';

/** Windows compresses 16 clusters of at most 4 KiB together. */
const UNIT_BYTES_MAX = 1024 * 1024;

/** @throws EngineError `FORMAT_INVALID`, `FORMAT_UNSUPPORTED` for an encrypted one */
export function contentOf(ntfs: NtfsVolume, stream: AttributeValue | null): FileContent {
  if (stream === null) return memoryContent(Buffer.alloc(0));
  if ('value' in stream) return memoryContent(stream.value);
  const { head } = stream;
  if (head.isEncrypted) throw new EngineError('FORMAT_UNSUPPORTED', { feature: 'EFS encryption' });
  if (head.isCompressed && head.unitClusters > 1) return compressedContent(ntfs, stream);
  return mappedContent(ntfs.source, head.dataBytes, (offsetBytes) => writtenRuns(ntfs, stream, offsetBytes));
}

/** What was written of a value: behind it, runs hold bytes of others. */
function writtenBytes({ head }: ClusterStream): number {
  return Math.min(head.dataBytes, head.initializedBytes);
}

async function* writtenRuns(ntfs: NtfsVolume, stream: ClusterStream, offsetBytes: number): AsyncGenerator<FileRun[]> {
  const { clusterBytes } = ntfs.geometry;
  const written = writtenBytes(stream);
  let endBytes = offsetBytes;
  for await (const runs of stream.runsFrom(Math.floor(offsetBytes / clusterBytes))) {
    yield* fileRuns(runs, clusterBytes, offsetBytes, written);
    const last = runs.at(-1);
    if (last) endBytes = (last.vcn + last.count) * clusterBytes;
  }
  checkCovered(endBytes, written);
}

/** A file whose last runs are missing does not end in zeros. */
function checkCovered(endBytes: number, neededBytes: number): void {
  checkRange('end of the runs', Math.min(endBytes, neededBytes), neededBytes, neededBytes);
}

/** Units of (mostly) 16 clusters: those with a hole at their end are compressed, the others stand there as they are. */
function compressedContent(ntfs: NtfsVolume, stream: ClusterStream): FileContent {
  const { clusterBytes } = ntfs.geometry;
  const { unitClusters, dataBytes } = stream.head;
  const unitBytes = checkRange('bytes of a compression unit', unitClusters * clusterBytes, 1, UNIT_BYTES_MAX);
  const written = writtenBytes(stream);
  // who reads a file piece by piece asks for the same unit again
  let lastUnit = -1;
  let lastBytes: Promise<Buffer>;

  function unit(number: number): Promise<Buffer> {
    if (number !== lastUnit) {
      lastUnit = number;
      lastBytes = readUnit(ntfs, stream, number);
      lastBytes.catch(() => (lastUnit = -1));
    }
    return lastBytes;
  }

  return {
    lengthBytes: dataBytes,
    async readInto(offsetBytes, into) {
      checkSpan('read', offsetBytes, into.length, dataBytes);
      into.fill(0);
      const endBytes = Math.min(offsetBytes + into.length, written);
      for (let at = offsetBytes; at < endBytes;) {
        const number = Math.floor(at / unitBytes);
        const from = at - number * unitBytes;
        const piece = (await unit(number)).subarray(from, Math.min(unitBytes, endBytes - number * unitBytes));
        into.set(piece, at - offsetBytes);
        at += piece.length;
      }
    },
    dataRuns: (signal) => joinTouching(unitsWithData(stream, unitClusters, unitBytes, signal)),
  };
}

async function readUnit(ntfs: NtfsVolume, stream: ClusterStream, number: number): Promise<Buffer> {
  const { source, geometry } = ntfs;
  const { unitClusters } = stream.head;
  const bytes = Buffer.alloc(unitClusters * geometry.clusterBytes);
  const runs = await runsOfUnit(stream, number * unitClusters, unitClusters);
  const endBytes = (number * unitClusters + runs.reduce((sum, run) => sum + run.count, 0)) * geometry.clusterBytes;
  checkCovered(endBytes, Math.min((number + 1) * bytes.length, writtenBytes(stream)));
  let stored = 0;
  for (const { lcn, count } of runs) {
    if (lcn === null) continue;
    const piece = bytes.subarray(stored, stored + count * geometry.clusterBytes);
    await source.readInto(lcn * geometry.clusterBytes, piece);
    stored += piece.length;
  }
  const isCompressed = stored > 0 && runs.some((run) => run.lcn === null);
  if (isCompressed) unpackLznt1(Buffer.from(bytes.subarray(0, stored)), bytes);
  return bytes;
}

async function runsOfUnit(stream: ClusterStream, firstVcn: number, clusters: number): Promise<ClusterRun[]> {
  const found: ClusterRun[] = [];
  const endVcn = firstVcn + clusters;
  for await (const runs of stream.runsFrom(firstVcn)) {
    for (let i = runAt(runs, firstVcn); i < runs.length && runs[i].vcn < endVcn; i++) {
      const { vcn, lcn, count } = runs[i];
      const from = Math.max(vcn, firstVcn);
      const to = Math.min(vcn + count, endVcn);
      found.push({ vcn: from, lcn: lcn === null ? null : lcn + from - vcn, count: to - from });
      if (to === endVcn) return found;
    }
  }
  return found;
}

/** The places of the units of which anything is stored, cut off where the content ends. */
async function* unitsWithData(
  stream: ClusterStream,
  unitClusters: number,
  unitBytes: number,
  signal: AbortSignal,
): AsyncGenerator<Extent[]> {
  const written = writtenBytes(stream);
  let nextUnit = 0;
  for await (const runs of stream.runsFrom(0)) {
    signal.throwIfAborted();
    const batch: Extent[] = [];
    for (const { vcn, lcn, count } of runs) {
      const from = Math.max(nextUnit, Math.floor(vcn / unitClusters));
      const to = Math.ceil((vcn + count) / unitClusters);
      if (lcn === null || from >= to || from * unitBytes >= written) continue;
      const startBytes = from * unitBytes;
      batch.push({ startBytes, lengthBytes: Math.min(to * unitBytes, written) - startBytes });
      nextUnit = to;
    }
    yield batch;
  }
}
