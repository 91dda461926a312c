/** Runs of equal bits in an allocation bitmap, least significant bit first, as ext, NTFS, exFAT and partclone keep them. */

/**
 * Calls `visit(first, count)` for every run of set bits, in ascending order.
 * @param bits the bitmap
 * @param countBits bits of it that mean something; what follows is padding
 */
export function eachSetRun(bits: Uint8Array, countBits: number, visit: (first: number, count: number) => void): void {
  let start = -1;
  for (let i = 0; i < countBits;) {
    const byte = bits[i >>> 3];
    if ((i & 7) === 0 && i + 8 <= countBits && (byte === 0 || byte === 0xff)) {
      if (byte === 0xff && start < 0) start = i;
      if (byte === 0 && start >= 0) {
        visit(start, i - start);
        start = -1;
      }
      // most of a bitmap is long runs of one or the other
      let next = (i >>> 3) + 1;
      while (next < countBits >>> 3 && bits[next] === byte) next++;
      i = next * 8;
      continue;
    }
    const isSet = ((byte >>> (i & 7)) & 1) === 1;
    if (isSet && start < 0) start = i;
    if (!isSet && start >= 0) {
      visit(start, i - start);
      start = -1;
    }
    i++;
  }
  if (start >= 0) visit(start, countBits - start);
}
