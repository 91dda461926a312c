/** From writes of any length to whole clusters. */
import { checkSpan } from '../core/bounds.ts';
import { isZero } from './zeros.ts';

/** @param cluster its bytes, in the room that was asked for @param index of the cluster on the disk */
export type TakeCluster = (index: number, cluster: Buffer) => Promise<void>;

export class ClusterCutter {
  readonly #clusterBytes: number;
  readonly #lengthBytes: number;
  readonly #take: TakeCluster;
  readonly #room: () => Buffer;
  /** the cluster that is not yet whole */
  #cluster: Buffer | null = null;
  #index = 0;

  /**
   * @param take is not given clusters of zeros
   * @param room memory for the next cluster, of its length: the same again as long as none was taken; memory of its own by default
   */
  constructor(clusterBytes: number, lengthBytes: number, take: TakeCluster, room?: () => Buffer) {
    this.#clusterBytes = clusterBytes;
    this.#lengthBytes = lengthBytes;
    this.#take = take;
    this.#room = room ?? (() => Buffer.allocUnsafeSlow(clusterBytes));
  }

  /** @param offsetBytes at or behind the end of the last write */
  async write(offsetBytes: number, bytes: Uint8Array): Promise<void> {
    checkSpan('write', offsetBytes, bytes.length, this.#lengthBytes);
    for (let done = 0; done < bytes.length;) {
      const at = offsetBytes + done;
      const index = Math.floor(at / this.#clusterBytes);
      const from = at % this.#clusterBytes;
      const piece = bytes.subarray(done, done + this.#clusterBytes - from);
      done += piece.length;
      if (index !== this.#index) await this.finish();
      this.#index = index;
      const isWhole = piece.length === this.#clusterBytes;
      if (isWhole && isZero(piece)) continue;
      if (!this.#cluster) {
        this.#cluster = this.#room();
        if (!isWhole) this.#cluster.fill(0);
      }
      this.#cluster.set(piece, from);
      if (from + piece.length === this.#clusterBytes) await this.finish();
    }
  }

  /** Hands over the cluster that is not whole; what of it was not written is zeros. */
  async finish(): Promise<void> {
    const cluster = this.#cluster;
    this.#cluster = null;
    if (cluster && !isZero(cluster)) await this.#take(this.#index, cluster);
  }
}
