/** Blocks of a group that somebody has, held against those that its trees of free space name. */
import { EngineError } from '../../core/engine-error.ts';

/** Blocks of a group: [first, end). */
export interface Run {
  readonly first: number;
  readonly end: number;
}

/** Asked for in ascending order. */
export class OwnedBlocks {
  readonly #runs: AsyncGenerator<Run>;
  readonly #field: string;
  /** the run that was read last and not yet asked for */
  #next: Run | null = null;
  /** where all that was read so far ends */
  #end = 0;

  /** @param runs by ascending first blocks; they may overlap @param field of the tree that they are from, for words */
  constructor(runs: AsyncGenerator<Run>, field: string) {
    this.#runs = runs;
    this.#field = field;
  }

  /** @throws EngineError `FORMAT_INVALID` where a block of the run has an owner; `READ_FAILED` */
  async checkApart(first: number, count: number): Promise<void> {
    while (true) {
      this.#next ??= (await this.#runs.next()).value ?? null;
      if (!this.#next || this.#next.first >= first + count) break;
      this.#end = Math.max(this.#end, this.#next.end);
      this.#next = null;
    }
    if (this.#end <= first) return;
    throw new EngineError('FORMAT_INVALID', { field: this.#field, value: 'an owner of free blocks', block: first });
  }
}
