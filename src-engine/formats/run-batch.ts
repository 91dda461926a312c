/** Runs of data in the making: neighbours become one, and they are handed over many at a time. */
import type { Extent } from '../disk/block-source.port.ts';

const BATCH_RUNS = 1024;

export class RunBatch {
  #runs: Extent[] = [];
  /** the last run, which may still grow */
  #startBytes = 0;
  #endBytes = 0;

  /** Adds a run that begins at or behind the end of the one before. */
  add(startBytes: number, lengthBytes: number): void {
    if (startBytes !== this.#endBytes) {
      this.#close();
      this.#startBytes = startBytes;
    }
    this.#endBytes = startBytes + lengthBytes;
  }

  get isFull(): boolean {
    return this.#runs.length >= BATCH_RUNS;
  }

  /** @returns the runs that are certain not to grow */
  take(): Extent[] {
    const runs = this.#runs;
    this.#runs = [];
    return runs;
  }

  /** @returns all that are left */
  finish(): Extent[] {
    this.#close();
    return this.take();
  }

  #close(): void {
    const lengthBytes = this.#endBytes - this.#startBytes;
    if (lengthBytes > 0) this.#runs.push({ startBytes: this.#startBytes, lengthBytes });
  }
}
