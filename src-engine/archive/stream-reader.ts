/** Exact amounts out of a packed stream that comes in pieces of any size. */
import { EngineError } from '../core/engine-error.ts';

const SKIP_BYTES = 1024 * 1024;
const EMPTY = Buffer.alloc(0);

/** @param field of which kind of stream, as its specification calls it */
export const damagedStream = (field: string, value: string | number) =>
  new EngineError('FORMAT_INVALID', { field, value: String(value) });

export class StreamReader {
  readonly #input: AsyncIterator<Uint8Array>;
  readonly #kind: string;
  #rest: Buffer = EMPTY;
  #readBytes = 0;

  /** @param kind names the stream in errors */
  constructor(input: AsyncIterable<Uint8Array>, kind: string) {
    this.#input = input[Symbol.asyncIterator]();
    this.#kind = kind;
  }

  /** How many bytes were taken. */
  get positionBytes(): number {
    return this.#readBytes - this.#rest.length;
  }

  /** @throws EngineError `FORMAT_INVALID` where the input ends before */
  async take(length: number): Promise<Buffer> {
    const bytes = await this.takeOrEnd(length);
    if (bytes === null) throw this.#cutOff();
    return bytes;
  }

  /** @returns null where the input has ended exactly here @throws EngineError `FORMAT_INVALID` where it ends within */
  async takeOrEnd(length: number): Promise<Buffer | null> {
    const bytes = await this.peek(length);
    if (bytes.length === 0 && length > 0) return null;
    if (bytes.length < length) throw this.#cutOff();
    this.#rest = this.#rest.subarray(length);
    return bytes;
  }

  /** @returns the next bytes, which stay; fewer where the input ends before */
  async peek(length: number): Promise<Buffer> {
    if (this.#rest.length < length) {
      const pieces = [this.#rest];
      let have = this.#rest.length;
      for (let piece = await this.#next(); piece !== null; piece = have < length ? await this.#next() : null) {
        pieces.push(piece);
        have += piece.length;
      }
      this.#rest = pieces.length === 1 ? this.#rest : Buffer.concat(pieces);
    }
    return this.#rest.subarray(0, length);
  }

  /** @returns what comes next, as it comes; null at the end */
  async some(): Promise<Buffer | null> {
    const bytes = this.#rest.length > 0 ? this.#rest : await this.#next();
    this.#rest = EMPTY;
    return bytes;
  }

  /** Puts back the end of what was taken last. */
  putBack(bytes: Buffer): void {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([bytes, this.#rest]);
  }

  async skip(length: number): Promise<void> {
    for (let left = length; left > 0;) left -= (await this.take(Math.min(left, SKIP_BYTES))).length;
  }

  async #next(): Promise<Buffer | null> {
    for (;;) {
      const { value, done } = await this.#input.next();
      if (done) return null;
      this.#readBytes += value.byteLength;
      if (value.byteLength > 0) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    }
  }

  #cutOff(): EngineError {
    return damagedStream(`${this.#kind} stream`, 'cut off');
  }
}
