/** Runs of clusters as places in a file, for whoever reads it. */
import type { FileRun } from '../mapped-content.ts';
import { runAt, type ClusterRun } from './runs.ts';

/** Who reads a little of a file with thousands of runs looks at few of them. */
const RUNS_AT_ONCE = 64;

/** @returns the runs that are no holes, from the one that `offsetBytes` lies in to `endBytes`, where the last one is cut off */
export function* fileRuns(
  runs: readonly ClusterRun[],
  clusterBytes: number,
  offsetBytes: number,
  endBytes: number,
): Generator<FileRun[]> {
  for (let i = runAt(runs, Math.floor(offsetBytes / clusterBytes)); i < runs.length; i += RUNS_AT_ONCE) {
    const batch: FileRun[] = [];
    for (const { vcn, lcn, count } of runs.slice(i, i + RUNS_AT_ONCE)) {
      const fileBytes = vcn * clusterBytes;
      if (lcn === null || fileBytes >= endBytes) continue;
      const lengthBytes = Math.min(count * clusterBytes, endBytes - fileBytes);
      batch.push({ fileBytes, volumeBytes: lcn * clusterBytes, lengthBytes });
    }
    yield batch;
  }
}
