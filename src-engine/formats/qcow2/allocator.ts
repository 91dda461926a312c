/** Places in a qcow2 image that is being written, and how often each cluster is referred to: qcow2.txt, "Host cluster management". */
import type { OutputFile } from '../image-writer.port.ts';

const COUNT_BYTES = 2;

/**
 * Clusters are given out ascending. Counts are 16 bits; a block of them is a cluster long and describes a range of clusters. The
 * block of every range but the first is the first cluster of its range, so that it can be written once the range is full.
 */
export class Allocator {
  readonly #file: OutputFile;
  readonly #clusterBytes: number;
  /** clusters that a block of counts describes */
  readonly #range: number;
  /** counts of the last range and of the one before, which may still be packed into */
  readonly #open = new Map<number, Buffer>();
  /** place of the block of each range */
  readonly #blockPlaces: number[] = [];
  #next: number;
  /** compressed clusters are packed one behind the other, from here to the end of the last cluster that they were given */
  #packAt = 0;
  #packEnd = 0;

  /** @param reserved clusters at the beginning that the caller has laid out; the block of the first range follows them */
  constructor(file: OutputFile, clusterBytes: number, reserved: number) {
    this.#file = file;
    this.#clusterBytes = clusterBytes;
    this.#range = clusterBytes / COUNT_BYTES;
    this.#next = reserved + 1;
    this.#blockPlaces.push(reserved * clusterBytes);
    for (let cluster = 0; cluster <= reserved; cluster++) this.#count(cluster);
  }

  /** @returns the place of a whole cluster */
  async cluster(): Promise<number> {
    await this.#openRange();
    const cluster = this.#next++;
    this.#count(cluster);
    return cluster * this.#clusterBytes;
  }

  /** @returns the place of a compressed cluster: at any byte, perhaps across the border of two clusters */
  async packed(lengthBytes: number): Promise<number> {
    // a range that counts no longer are kept of is not packed into
    const isClosed = !this.#open.has(Math.floor((this.#packEnd - 1) / this.#clusterBytes / this.#range));
    if (isClosed) this.#packAt = this.#packEnd = 0;
    while (this.#packAt + lengthBytes > this.#packEnd) {
      await this.#openRange();
      const at = this.#next++ * this.#clusterBytes;
      if (at !== this.#packEnd) this.#packAt = at;
      this.#packEnd = at + this.#clusterBytes;
    }
    const place = this.#packAt;
    this.#packAt += lengthBytes;
    const last = Math.floor((this.#packAt - 1) / this.#clusterBytes);
    for (let cluster = Math.floor(place / this.#clusterBytes); cluster <= last; cluster++) this.#count(cluster);
    return place;
  }

  get endBytes(): number {
    return this.#next * this.#clusterBytes;
  }

  /** Writes the blocks of counts that are left. @returns the places of all of them, for the refcount table */
  async finish(): Promise<readonly number[]> {
    for (const range of [...this.#open.keys()]) await this.#close(range);
    return this.#blockPlaces;
  }

  /** Where the next cluster is the first of a range, it becomes the block of that range. */
  async #openRange(): Promise<void> {
    if (this.#next % this.#range !== 0) return;
    const range = this.#next / this.#range;
    await this.#close(range - 2);
    this.#blockPlaces.push(this.#next * this.#clusterBytes);
    this.#count(this.#next++);
  }

  #count(cluster: number): void {
    const range = Math.floor(cluster / this.#range);
    let counts = this.#open.get(range);
    if (!counts) this.#open.set(range, (counts = Buffer.alloc(this.#clusterBytes)));
    const at = (cluster % this.#range) * COUNT_BYTES;
    counts.writeUInt16BE(counts.readUInt16BE(at) + 1, at);
  }

  async #close(range: number): Promise<void> {
    const counts = this.#open.get(range);
    if (counts) await this.#file.write(this.#blockPlaces[range], counts);
    this.#open.delete(range);
  }
}
