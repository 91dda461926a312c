/** Whether what points at clusters agrees with the FATs about them: a cluster that a file needs is not free, whatever its entry says. */
import { EngineError } from '../../core/engine-error.ts';
import type { FatGeometry } from './boot-sector.ts';
import { entryAt } from './table.ts';

/** One bit for each cluster: 32 MiB for the largest FAT32 there can be. */
class Clusters {
  readonly #bits: Uint8Array;

  constructor(count: number) {
    this.#bits = new Uint8Array(Math.ceil(count / 8));
  }

  add(cluster: number): void {
    this.#bits[cluster >>> 3] |= 1 << (cluster & 7);
  }

  has(cluster: number): boolean {
    return ((this.#bits[cluster >>> 3] >>> (cluster & 7)) & 1) === 1;
  }

  /** The first cluster that is in both, or null. */
  firstInBoth(other: Clusters): number | null {
    const at = this.#bits.findIndex((byte, i) => (byte & other.#bits[i]) !== 0);
    if (at < 0) return null;
    const both = this.#bits[at] & other.#bits[at];
    return at * 8 + 31 - Math.clz32(both & -both);
  }
}

export class Links {
  readonly #end: number;
  readonly #left: Clusters;
  readonly #linked: Clusters;

  constructor({ clusterCount }: FatGeometry) {
    this.#end = clusterCount + 2;
    this.#left = new Clusters(this.#end);
    this.#linked = new Clusters(this.#end);
  }

  /** Takes in where the entries of a piece of a FAT lead. */
  addPiece(bits: FatGeometry['entryBits'], piece: Buffer, first: number, count: number): void {
    for (let i = first === 0 ? 2 : 0; i < count; i++) {
      const next = entryAt(bits, piece, i);
      if (next >= 2 && next < this.#end) this.#linked.add(next);
    }
  }

  /** A cluster that a capture leaves out: free, or marked bad. */
  addLeftOut(cluster: number): void {
    this.#left.add(cluster);
  }

  /** @throws EngineError `FORMAT_INVALID` where a chain leads into a cluster that is left out */
  checkChains(): void {
    const cluster = this.#linked.firstInBoth(this.#left);
    if (cluster !== null) throw new EngineError('FORMAT_INVALID', { field: 'FAT', value: 'chain into free', cluster });
  }

  /** @throws EngineError `FORMAT_INVALID` where a file or folder begins in a cluster that is left out */
  checkStart(cluster: number): void {
    if (cluster < 2 || cluster >= this.#end || !this.#left.has(cluster)) return;
    throw new EngineError('FORMAT_INVALID', { field: 'DIR_FstClus', value: String(cluster), cluster: 'free' });
  }
}
