/** Zeros in data that is to be written: they become holes. */

const ZEROS = Buffer.alloc(64 * 1024);
/** What file systems of disks and of image files are made of: holes are looked for in these steps. */
const BLOCK_BYTES = 4096;

export function isZero(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at += ZEROS.length) {
    const end = Math.min(bytes.length, at + ZEROS.length);
    if (ZEROS.compare(bytes, at, end, 0, end - at) !== 0) return false;
  }
  return true;
}

/** @param offsetBytes where `bytes` belong, which decides where blocks begin @yields the runs of blocks that are not all zeros */
export function* runsOfData(offsetBytes: number, bytes: Uint8Array): Generator<{ start: number; end: number }> {
  let start = -1;
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(bytes.length, at + BLOCK_BYTES - ((offsetBytes + at) % BLOCK_BYTES));
    const isHole = ZEROS.compare(bytes, at, end, 0, end - at) === 0;
    if (!isHole && start < 0) start = at;
    if (isHole && start >= 0) {
      yield { start, end: at };
      start = -1;
    }
    at = end;
  }
  if (start >= 0) yield { start, end: bytes.length };
}
