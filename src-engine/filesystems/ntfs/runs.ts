/** Runs of clusters, kept as mapping pairs: Linux-NTFS, "NTFS Documentation", chapter "Data Runs". */
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { NonResidentAttribute } from './attributes.ts';

export interface ClusterRun {
  /** place in the value */
  readonly vcn: number;
  /** place in the volume; null for a hole */
  readonly lcn: number | null;
  readonly count: number;
}

/**
 * A pair is a byte with two lengths, and two numbers of so many bytes: clusters, and how far the run is from the one before.
 * @returns runs without gaps from the attribute's lowest VCN to its highest
 * @throws EngineError `FORMAT_INVALID` where a run is not inside the volume, or they do not end at the highest VCN
 */
export function decodeRuns(
  { mappingPairs, lowestVcn, highestVcn }: NonResidentAttribute,
  clusterCount: number,
): ClusterRun[] {
  const runs: ClusterRun[] = [];
  let vcn = lowestVcn;
  let lcn = 0;
  for (let at = 0; at < mappingPairs.length && mappingPairs[at] !== 0;) {
    const countSize = mappingPairs[at] & 0xf;
    const deltaSize = mappingPairs[at] >>> 4;
    at++;
    checkRange('mapping pair', at + countSize + deltaSize, 0, mappingPairs.length);
    const count = checkRange(
      'clusters of a run',
      signed(mappingPairs, at, countSize),
      1,
      Number.MAX_SAFE_INTEGER - vcn,
    );
    at += countSize;
    if (deltaSize > 0) {
      lcn = checkRange('first cluster of a run', lcn + signed(mappingPairs, at, deltaSize), 0, clusterCount - 1);
      checkRange('last cluster of a run', lcn + count, 0, clusterCount);
      at += deltaSize;
    }
    runs.push({ vcn, lcn: deltaSize > 0 ? lcn : null, count });
    vcn += count;
  }
  // some drivers leave 0 where they mean that it does not matter
  if (highestVcn !== 0) checkRange('end of the runs', vcn, highestVcn + 1, highestVcn + 1);
  return runs;
}

function signed(bytes: Buffer, at: number, size: number): number {
  if (size === 0) return 0;
  if (size <= 6) return bytes.readIntLE(at, size);
  if (size > 8) throw new EngineError('FORMAT_INVALID', { field: 'size of a mapping pair', value: String(size) });
  const low = BigInt(bytes.readUIntLE(at, 6));
  const high = BigInt(bytes.readIntLE(at + 6, size - 6));
  return Number((high << 48n) + low);
}

/** The index of the run that holds `vcn`, or of the first one behind it. Expects ascending runs. */
export function runAt(runs: readonly ClusterRun[], vcn: number): number {
  let low = 0;
  let high = runs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (runs[middle].vcn + runs[middle].count > vcn) high = middle;
    else low = middle + 1;
  }
  return low;
}
