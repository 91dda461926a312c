/** Runs of bytes: joined, and searched for places that two of them claim. */
import type { Extent } from '../disk/block-source.port.ts';

const byStart = (a: Extent, b: Extent) => a.startBytes - b.startBytes || a.lengthBytes - b.lengthBytes;

/** @returns the same bytes as ascending, disjoint extents; what touches is joined */
export function joinExtents(extents: readonly Extent[]): Extent[] {
  const joined: Extent[] = [];
  for (const { startBytes, lengthBytes } of extents.filter((e) => e.lengthBytes > 0).sort(byStart)) {
    const last = joined.at(-1);
    if (last && startBytes <= last.startBytes + last.lengthBytes) {
      const endBytes = Math.max(last.startBytes + last.lengthBytes, startBytes + lengthBytes);
      joined[joined.length - 1] = { startBytes: last.startBytes, lengthBytes: endBytes - last.startBytes };
    } else joined.push({ startBytes, lengthBytes });
  }
  return joined;
}

/** @returns two of the extents that share bytes, the earlier one first, or null where all are disjoint */
export function findOverlap<E extends Extent>(extents: readonly E[]): [E, E] | null {
  const sorted = [...extents].sort(byStart);
  for (let i = 1; i < sorted.length; i++) {
    if (sorted[i].startBytes < sorted[i - 1].startBytes + sorted[i - 1].lengthBytes) return [sorted[i - 1], sorted[i]];
  }
  return null;
}
