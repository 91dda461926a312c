/** A table of an image that is being written, entry after entry: a page of it is in memory at a time. */
import type { OutputFile } from './image-writer.port.ts';

const PAGE_BYTES = 64 * 1024;

export interface TableLayout {
  /** where the table begins in the file; further places get copies */
  readonly places: readonly number[];
  readonly entries: number;
  readonly entryBytes: number;
  /** every byte of entries that are never set */
  readonly fill: number;
}

export class TableWriter {
  readonly #file: OutputFile;
  readonly #layout: TableLayout;
  readonly #page = Buffer.alloc(PAGE_BYTES);
  #number = 0;
  #isSet = false;

  constructor(file: OutputFile, layout: TableLayout) {
    this.#file = file;
    this.#layout = layout;
    this.#page.fill(layout.fill);
  }

  /** @param put writes the entry at `at` of `page` @param index ascending */
  async set(index: number, put: (page: Buffer, at: number) => void): Promise<void> {
    const at = index * this.#layout.entryBytes;
    await this.#turnTo(Math.floor(at / PAGE_BYTES));
    put(this.#page, at % PAGE_BYTES);
    this.#isSet = true;
  }

  /** Writes what is left of the table. */
  async finish(): Promise<void> {
    await this.#turnTo(Math.ceil((this.#layout.entries * this.#layout.entryBytes) / PAGE_BYTES));
  }

  async #turnTo(number: number): Promise<void> {
    for (; this.#number < number; this.#number++) {
      // zeros are what is there anyway
      if (!this.#isSet && this.#layout.fill === 0) continue;
      const start = this.#number * PAGE_BYTES;
      const length = Math.min(PAGE_BYTES, this.#layout.entries * this.#layout.entryBytes - start);
      for (const place of this.#layout.places) await this.#file.write(place + start, this.#page.subarray(0, length));
      this.#page.fill(this.#layout.fill);
      this.#isSet = false;
    }
  }
}
