/** What came of each disk of a version that was stored. */
import type { JobResult } from '../contract/job.contract.ts';
import type { StoredVersion } from '../storing/store-disk.ts';

/** Packs are shared by all of a version's disks: what was added to the store stands with the first, so that the sum is right. */
export function resultsOfDisks({ readBytes, result }: StoredVersion): JobResult[] {
  return readBytes.map((processedBytes, i) => ({
    ...result,
    processedBytes,
    storedBytes: i === 0 ? result.storedBytes : 0,
    verifiedBytes: i === 0 ? result.verifiedBytes : 0,
  }));
}
