/** Used extents of a volume by piece: for whoever needs them in an order that is not the volume's own. */
import type { Extent } from '../disk/block-source.port.ts';

export type UsedExtents = () => AsyncIterable<readonly Extent[]>;

/** Goes through the extents of a volume once, as long as pieces are asked for in ascending order. */
class Cursor {
  readonly #batches: AsyncIterator<readonly Extent[]>;
  #batch: readonly Extent[] = [];
  #next = 0;
  /** everything before this was asked for */
  positionBytes = 0;

  constructor(used: UsedExtents) {
    this.#batches = used()[Symbol.asyncIterator]();
  }

  /** @yields what is used of [from, to), cut at its ends */
  async *between(fromBytes: number, toBytes: number): AsyncGenerator<Extent[]> {
    this.positionBytes = toBytes;
    for (;;) {
      const found: Extent[] = [];
      for (; this.#next < this.#batch.length; this.#next++) {
        const { startBytes, lengthBytes } = this.#batch[this.#next];
        const start = Math.max(startBytes, fromBytes);
        const end = Math.min(startBytes + lengthBytes, toBytes);
        if (start < end) found.push({ startBytes: start, lengthBytes: end - start });
        // the rest of it is for the next piece
        if (startBytes + lengthBytes > toBytes) break;
      }
      if (found.length > 0) yield found;
      if (this.#next < this.#batch.length) return;
      const { value, done } = await this.#batches.next();
      if (done) return;
      this.#batch = value;
      this.#next = 0;
    }
  }

  async close(): Promise<void> {
    await this.#batches.return?.();
  }
}

/** Each holds a batch of extents and whatever its file system reads them from: a megabyte or two. */
const MAX_OPEN = 16;

/** Cursors by volume. A piece that lies before the one asked for last begins the volume's extents anew. */
export class UsedCursors<Volume> {
  readonly #open = new Map<Volume, Cursor>();

  async *between(volume: Volume, used: UsedExtents, fromBytes: number, toBytes: number): AsyncGenerator<Extent[]> {
    let cursor = this.#open.get(volume);
    this.#open.delete(volume);
    if (cursor && cursor.positionBytes > fromBytes) {
      await cursor.close();
      cursor = undefined;
    }
    cursor ??= new Cursor(used);
    this.#open.set(volume, cursor);
    if (this.#open.size > MAX_OPEN) {
      const [oldest, unused] = this.#open.entries().next().value!;
      this.#open.delete(oldest);
      await unused.close();
    }
    yield* cursor.between(fromBytes, toBytes);
  }

  async close(): Promise<void> {
    for (const cursor of this.#open.values()) await cursor.close();
    this.#open.clear();
  }
}
