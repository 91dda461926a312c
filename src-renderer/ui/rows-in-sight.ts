/** Which of many equal rows there should be. Pure. */
const MARGIN_ROWS = 8;

/**
 * Which rows there should be: those in sight and some before and after.
 * @param scrolled how far the first row is above the upper edge of what is in sight, in px; below 0 where it is still under it
 * @param viewHeight of what is in sight, in px
 * @param rowHeight in px
 * @returns `start` is the first row, `end` the one after the last
 */
export function rowsInSight(scrolled: number, viewHeight: number, rowHeight: number, count: number) {
  const visible = Math.ceil(viewHeight / rowHeight) + 2 * MARGIN_ROWS;
  const first = Math.max(0, Math.floor(scrolled / rowHeight) - MARGIN_ROWS);
  const start = Math.min(first, Math.max(0, count - visible));
  return { start, end: Math.min(count, start + visible) };
}

/**
 * The numbers of the rows that there should be: those from `start` to `end`, and one that is kept wherever it is, as it has the
 * focus.
 * @param kept null: none
 */
export function withKept(start: number, end: number, kept: number | null): number[] {
  const rows = Array.from({ length: Math.max(0, end - start) }, (_, i) => start + i);
  if (kept === null || (kept >= start && kept < end)) return rows;
  return kept < start ? [kept, ...rows] : [...rows, kept];
}
