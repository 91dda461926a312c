/** Whether two places are of the same bytes, by the names that `Machine.bytesAt` gives them. */

/** Volumes of one disk have it in common, and no bytes: one has to be the other, to stand on it, or to be of the same file. */
export function shareBytes(a: readonly string[], b: readonly string[]): boolean {
  return a.includes(b[0]) || b.includes(a[0]) || a.some((name) => name.startsWith('file ') && b.includes(name));
}
