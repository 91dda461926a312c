/** Which of many known runs a range touches, found without going through all. */
import type { Extent } from './block-source.port.ts';

const BATCH = 1024;

/**
 * @param runs ascending and disjoint
 * @returns what of them lies in the range, in batches
 */
export function* runsWithin(runs: readonly Extent[], startBytes: number, lengthBytes: number): Generator<Extent[]> {
  const endBytes = startBytes + lengthBytes;
  let batch: Extent[] = [];
  for (let i = firstBehind(runs, startBytes); i < runs.length && runs[i].startBytes < endBytes; i++) {
    const from = Math.max(startBytes, runs[i].startBytes);
    const to = Math.min(endBytes, runs[i].startBytes + runs[i].lengthBytes);
    batch.push({ startBytes: from, lengthBytes: to - from });
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/** @returns the place of the first that does not end before it */
function firstBehind(runs: readonly Extent[], offsetBytes: number): number {
  let low = 0;
  for (let high = runs.length; low < high;) {
    const middle = (low + high) >>> 1;
    if (runs[middle].startBytes + runs[middle].lengthBytes <= offsetBytes) low = middle + 1;
    else high = middle;
  }
  return low;
}
