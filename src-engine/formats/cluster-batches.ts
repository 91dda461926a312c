/** Clusters on their way to an image that compresses them: packed many at a time, and taken in the order of the disk. */
import { packClusters, type ClusterCodec } from '../core/pack-clusters.ts';
import { ClusterCutter } from './cluster-cutter.ts';
import type { PackClusters } from './image-writer.port.ts';
import { InOrder } from './in-order.ts';

/** A message to another thread for each cluster would take as long as packing it. */
const BATCH_BYTES = 512 * 1024;

export interface PackedCluster {
  readonly index: number;
  /** as long as a cluster where it could not be compressed; valid until it is taken */
  readonly bytes: Uint8Array;
}

interface Batch {
  readonly indexes: readonly number[];
  readonly memory: Uint8Array;
  readonly lengths: Uint32Array;
}

/** Where nobody else compresses. */
const packHere: PackClusters = async (codec, memory, clusterBytes) => ({
  memory,
  lengths: packClusters(codec, memory, clusterBytes),
});

export class ClusterBatches {
  readonly #codec: ClusterCodec;
  readonly #clusterBytes: number;
  readonly #pack: PackClusters;
  readonly #cutter: ClusterCutter;
  readonly #batches: InOrder<Batch>;
  readonly #spare: ArrayBuffer[] = [];
  #memory: Buffer | null = null;
  #indexes: number[] = [];

  /** @param take called with one cluster after the other, never twice at once */
  constructor(
    codec: ClusterCodec,
    clusterBytes: number,
    lengthBytes: number,
    pack: PackClusters | undefined,
    take: (cluster: PackedCluster) => Promise<void>,
  ) {
    this.#codec = codec;
    this.#clusterBytes = clusterBytes;
    this.#pack = pack ?? packHere;
    this.#cutter = new ClusterCutter(
      clusterBytes,
      lengthBytes,
      (index) => this.#add(index),
      () => this.#room(),
    );
    this.#batches = new InOrder<Batch>(async ({ indexes, memory, lengths }) => {
      let at = 0;
      for (let i = 0; i < indexes.length; at += lengths[i++]) {
        await take({ index: indexes[i], bytes: memory.subarray(at, at + lengths[i]) });
      }
      this.#spare.push(memory.buffer as ArrayBuffer);
    });
  }

  /** @param offsetBytes at or behind the end of the last write @throws whatever packing or `take` threw */
  write(offsetBytes: number, bytes: Uint8Array): Promise<void> {
    return this.#cutter.write(offsetBytes, bytes);
  }

  /** Waits for all of it. @throws as {@link write} */
  async finish(): Promise<void> {
    await this.#cutter.finish();
    await this.#send();
    await this.#batches.finish();
  }

  /** Waits for what is under way, whatever came of it. */
  settle(): Promise<void> {
    return this.#batches.settle();
  }

  /** Where the cluster goes that is cut next. */
  #room(): Buffer {
    this.#memory ??= Buffer.from(this.#spare.pop() ?? new ArrayBuffer(BATCH_BYTES));
    const at = this.#indexes.length * this.#clusterBytes;
    return this.#memory.subarray(at, at + this.#clusterBytes);
  }

  async #add(index: number): Promise<void> {
    this.#indexes.push(index);
    if (this.#indexes.length * this.#clusterBytes >= BATCH_BYTES) await this.#send();
  }

  async #send(): Promise<void> {
    if (!this.#memory) return;
    const indexes = this.#indexes;
    const clusters = this.#memory.subarray(0, indexes.length * this.#clusterBytes);
    this.#memory = null;
    this.#indexes = [];
    await this.#batches.add(async () => ({
      indexes,
      ...(await this.#pack(this.#codec, clusters, this.#clusterBytes)),
    }));
  }
}
