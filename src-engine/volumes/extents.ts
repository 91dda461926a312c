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

/** @returns what of `range` none of the extents covers, ascending */
export function gapsIn(range: Extent, extents: readonly Extent[]): Extent[] {
  const endBytes = range.startBytes + range.lengthBytes;
  const gaps: Extent[] = [];
  let at = range.startBytes;
  for (const { startBytes, lengthBytes } of joinExtents(extents)) {
    const from = Math.min(startBytes, endBytes);
    if (from > at) gaps.push({ startBytes: at, lengthBytes: from - at });
    at = Math.max(at, startBytes + lengthBytes);
  }
  if (at < endBytes) gaps.push({ startBytes: at, lengthBytes: endBytes - at });
  return gaps;
}

/** @returns the bytes of `extents` that none of `others` covers */
export function withoutExtents(extents: readonly Extent[], others: readonly Extent[]): Extent[] {
  return extents.flatMap((extent) => gapsIn(extent, others));
}

/** @returns what of each extent lies in `range` */
export function within(range: Extent, extents: readonly Extent[]): Extent[] {
  const rangeEnd = range.startBytes + range.lengthBytes;
  return extents.flatMap(({ startBytes, lengthBytes }) => {
    const from = Math.max(startBytes, range.startBytes);
    const to = Math.min(startBytes + lengthBytes, rangeEnd);
    return from < to ? [{ startBytes: from, lengthBytes: to - from }] : [];
  });
}

/** How many bytes they are together. */
export const bytesOf = (extents: readonly Pick<Extent, 'lengthBytes'>[]): number => {
  return extents.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
};
