/** Reads that failed with nothing read between them, and when to give up asking for every sector. */

/**
 * So many failures in a row are put up with, or so much time: a dying disk takes seconds for each. From then on
 * every further one skips as much as has failed in this row: what is dead from end to end ends after some twenty more.
 */
const PATIENCE_READS = 1024;
const PATIENCE_MS = 60_000;

export class FailureRow {
  #reads = 0;
  #spentMs = 0;
  #lostBytes = 0;
  #skipStart = 0;
  #skipEnd = 0;

  /** Something was read. */
  end(): void {
    this.#reads = this.#spentMs = this.#lostBytes = 0;
  }

  /** @param lostBytes of a piece that is asked for no more; 0 for one that is tried again in parts */
  failed(offsetBytes: number, lostBytes: number, spentMs: number): void {
    this.#reads++;
    this.#spentMs += spentMs;
    this.#lostBytes += lostBytes;
    if (lostBytes === 0 || (this.#reads < PATIENCE_READS && this.#spentMs < PATIENCE_MS)) return;
    this.#skipStart = offsetBytes + lostBytes;
    this.#skipEnd = this.#skipStart + this.#lostBytes;
    this.#lostBytes *= 2;
  }

  /** How many bytes at the start of a range are not asked for. */
  skippedBytes(offsetBytes: number, lengthBytes: number): number {
    const isSkipped = offsetBytes >= this.#skipStart && offsetBytes < this.#skipEnd;
    return isSkipped ? Math.min(lengthBytes, this.#skipEnd - offsetBytes) : 0;
  }
}
