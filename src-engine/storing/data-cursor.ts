/** Where the next data of a source is: holes that an image tells of are passed over, however long they are. */
import type { BlockSource } from '../disk/block-source.port.ts';

/** A hole is looked through in steps that grow: dense images are asked for little, empty ones seldom. */
const FIRST_STEP_BYTES = 8 * 1024 * 1024;
const MAX_STEP_BYTES = 64 * 1024 * 1024 * 1024;

export class DataCursor {
  readonly #source: BlockSource;
  readonly #signal: AbortSignal;
  /** from `#from` to `#data` there is none */
  #from = 0;
  #data = 0;

  constructor(source: BlockSource, signal: AbortSignal) {
    this.#source = source;
    this.#signal = signal;
  }

  /** Whether a range has any data. A source that does not tell is all data. @throws EngineError `READ_FAILED`, `FILE_TRUNCATED` */
  async hasData(startBytes: number, lengthBytes: number): Promise<boolean> {
    if (!this.#source.dataRuns) return true;
    if (startBytes < this.#from || startBytes > this.#data) {
      this.#from = startBytes;
      this.#data = startBytes;
    }
    const endBytes = Math.min(startBytes + lengthBytes, this.#source.lengthBytes);
    for (let step = FIRST_STEP_BYTES; this.#data < endBytes; step = Math.min(2 * step, MAX_STEP_BYTES)) {
      const stepBytes = Math.min(step, this.#source.lengthBytes - this.#data);
      const next = await this.#firstRun(this.#data, stepBytes);
      if (next === this.#data) return true;
      this.#data = next ?? this.#data + stepBytes;
      if (next !== null) break;
    }
    return this.#data < endBytes;
  }

  async #firstRun(startBytes: number, lengthBytes: number): Promise<number | null> {
    for await (const batch of this.#source.dataRuns!(startBytes, lengthBytes, this.#signal)) {
      if (batch.length > 0) return batch[0].startBytes;
    }
    return null;
  }
}
