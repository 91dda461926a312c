/** Columns that line up. */

/** @param head null for a table without one */
export function table(head: string[] | null, rows: string[][]): string[] {
  const all = head ? [head, ...rows] : rows;
  const widths = (all[0] ?? []).map((_, i) => all.reduce((width, row) => Math.max(width, row[i].length), 0));
  return all.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]))
      .join('  ')
      .trimEnd(),
  );
}
