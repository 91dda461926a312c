/** From bytes of an inner volume to bytes of its members. */
import type { Extent } from '../disk/block-source.port.ts';
import type { MappedRun, MemberExtent } from './group.port.ts';

/** The run that holds a byte of the volume, by halving. @param runs ascending, without gaps */
export function runAt(runs: readonly MappedRun[], offsetBytes: number): number {
  let low = 0;
  let high = runs.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (runs[middle].startBytes <= offsetBytes) low = middle;
    else high = middle - 1;
  }
  return low;
}

/**
 * How much of the first `lengthBytes` of a run lies in a column. What a column holds of a piece of the run is therefore one
 * piece of the column, from this for the piece's start to this for its end.
 */
export function inColumn({ columns, stripeBytes }: MappedRun, column: number, lengthBytes: number): number {
  const rowBytes = columns.length * stripeBytes;
  const rows = Math.floor(lengthBytes / rowBytes);
  const rest = lengthBytes - rows * rowBytes - column * stripeBytes;
  return rows * stripeBytes + Math.min(Math.max(rest, 0), stripeBytes);
}

/** @returns the bytes of a column that hold what of `extent` lies in the run; of length 0 where none do */
export function columnExtent(run: MappedRun, column: number, extent: Extent): MemberExtent {
  const runEnd = run.startBytes + run.lengthBytes;
  const from = Math.min(Math.max(extent.startBytes, run.startBytes), runEnd) - run.startBytes;
  const to = Math.min(Math.max(extent.startBytes + extent.lengthBytes, run.startBytes), runEnd) - run.startBytes;
  const start = inColumn(run, column, from);
  const { member, startBytes } = run.columns[column];
  return { member, startBytes: startBytes + start, lengthBytes: inColumn(run, column, to) - start };
}

/** @returns where the bytes of `extent` lie, by run and column, without what is empty */
export function toMembers(runs: readonly MappedRun[], extent: Extent): MemberExtent[] {
  const found: MemberExtent[] = [];
  const endBytes = extent.startBytes + extent.lengthBytes;
  for (let i = runAt(runs, extent.startBytes); i < runs.length && runs[i].startBytes < endBytes; i++) {
    for (let column = 0; column < runs[i].columns.length; column++) {
      const piece = columnExtent(runs[i], column, extent);
      if (piece.lengthBytes > 0) found.push(piece);
    }
  }
  return found;
}
