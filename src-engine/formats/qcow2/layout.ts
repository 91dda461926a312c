/** What every qcow2 that is written here has in common: clusters of 64 KiB, counts of 16 bits. See FORMAT.md. */
import type { LengthRule } from '../image-writer.port.ts';

export const CLUSTER_BITS = 16;
export const CLUSTER_BYTES = 2 ** CLUSTER_BITS;
export const L2_ENTRIES = CLUSTER_BYTES / 8;
export const HEADER_BYTES = 112;
export const REFCOUNT_ORDER = 4;

/** Of L1 entries, and of L2 entries that are not compressed: it is the only reference. */
export const COPIED = 2n ** 63n;

export function layoutOf(lengthBytes: number) {
  const l2Tables = Math.ceil(lengthBytes / (CLUSTER_BYTES * L2_ENTRIES));
  const l1Clusters = Math.max(1, Math.ceil((l2Tables * 8) / CLUSTER_BYTES));
  // at the most: every cluster stored, all tables, and a block of counts for each range
  const clusters = Math.ceil(lengthBytes / CLUSTER_BYTES) + l2Tables + l1Clusters + 16;
  const blocks = Math.ceil(clusters / (CLUSTER_BYTES / 2 - 1)) + 1;
  const refcountClusters = Math.ceil((blocks * 8) / CLUSTER_BYTES);
  return { l2Tables, l1Clusters, refcountClusters, clusters: clusters + blocks + refcountClusters };
}

export const QCOW2_LENGTH: LengthRule = {
  stepBytes: 512,
  maxBytes: 2 ** 50,
  overheadBytes: (lengthBytes) => layoutOf(lengthBytes).clusters * CLUSTER_BYTES - lengthBytes,
};
