/** Writes qcow2 version 3 with compressed clusters of 64 KiB. See FORMAT.md. */
import { AppendBuffer } from '../append-buffer.ts';
import { ClusterBatches, type PackedCluster } from '../cluster-batches.ts';
import type { CreateImage, ImageWriter, OutputFile } from '../image-writer.port.ts';
import { roundedLength } from '../length-rule.ts';
import { Allocator } from './allocator.ts';
import {
  CLUSTER_BITS,
  CLUSTER_BYTES,
  COPIED,
  HEADER_BYTES,
  L2_ENTRIES,
  layoutOf,
  QCOW2_LENGTH,
  REFCOUNT_ORDER,
} from './layout.ts';
import { COMPRESSION_ZLIB, COMPRESSION_ZSTD, headerV2, headerV3, INCOMPATIBLE, MAGIC } from './struct.ts';

const COMPRESSED = 2n ** 62n;
/** In a compressed entry, the offset has the bits below this, and the number of further sectors those above. */
const PACKED_OFFSET_BITS = BigInt(62 - (CLUSTER_BITS - 8));

export const createQcow2 =
  (compression: 'zlib' | 'zstd'): CreateImage =>
  async (file, wantedBytes, { pack }) => {
    const lengthBytes = roundedLength('qcow2', QCOW2_LENGTH, wantedBytes);
    const image = new Qcow2File(file, lengthBytes, compression);
    const codec = compression === 'zstd' ? 'zstd' : 'deflate-raw';
    const batches = new ClusterBatches(codec, CLUSTER_BYTES, lengthBytes, pack, (cluster) => image.add(cluster));
    const writer: ImageWriter = {
      lengthBytes,
      write: (offsetBytes, bytes) => batches.write(offsetBytes, bytes),
      async finish() {
        await batches.finish();
        await image.finish();
      },
      async abort() {
        await batches.settle();
        await file.discard();
      },
    };
    return writer;
  };

class Qcow2File {
  readonly #file: OutputFile;
  readonly #lengthBytes: number;
  readonly #compression: 'zlib' | 'zstd';
  readonly #layout: ReturnType<typeof layoutOf>;
  readonly #allocator: Allocator;
  readonly #data: AppendBuffer;
  readonly #l1: Buffer;
  /** the L2 table that entries go to at present */
  readonly #l2 = Buffer.alloc(CLUSTER_BYTES);
  #l2Index = -1;

  constructor(file: OutputFile, lengthBytes: number, compression: 'zlib' | 'zstd') {
    this.#file = file;
    this.#lengthBytes = lengthBytes;
    this.#compression = compression;
    this.#layout = layoutOf(lengthBytes);
    this.#l1 = Buffer.alloc(this.#layout.l1Clusters * CLUSTER_BYTES);
    this.#allocator = new Allocator(file, CLUSTER_BYTES, 1 + this.#layout.l1Clusters + this.#layout.refcountClusters);
    this.#data = new AppendBuffer(file);
  }

  async add({ index, bytes }: PackedCluster): Promise<void> {
    const l2Index = Math.floor(index / L2_ENTRIES);
    if (l2Index !== this.#l2Index) {
      await this.#writeL2();
      this.#l2Index = l2Index;
    }
    let entry: bigint;
    let at: number;
    if (bytes.length < CLUSTER_BYTES) {
      at = await this.#allocator.packed(bytes.length);
      const furtherSectors = Math.floor((at + bytes.length - 1) / 512) - Math.floor(at / 512);
      entry = COMPRESSED | (BigInt(furtherSectors) << PACKED_OFFSET_BITS) | BigInt(at);
    } else {
      at = await this.#allocator.cluster();
      entry = COPIED | BigInt(at);
    }
    this.#l2.writeBigUInt64BE(entry, (index % L2_ENTRIES) * 8);
    await this.#data.write(at, bytes);
  }

  /** The header comes last: a file that is not finished is no image. */
  async finish(): Promise<void> {
    await this.#data.flush();
    await this.#writeL2();
    const { l1Clusters, refcountClusters } = this.#layout;
    const refcountTable = Buffer.alloc(refcountClusters * CLUSTER_BYTES);
    (await this.#allocator.finish()).forEach((place, i) => refcountTable.writeBigUInt64BE(BigInt(place), i * 8));
    await this.#file.write(CLUSTER_BYTES, this.#l1);
    await this.#file.write((1 + l1Clusters) * CLUSTER_BYTES, refcountTable);
    await this.#file.setLength(this.#allocator.endBytes);
    await this.#file.sync();
    await this.#file.write(0, this.#header());
    await this.#file.sync();
    await this.#file.close();
  }

  async #writeL2(): Promise<void> {
    if (this.#l2Index < 0) return;
    const at = await this.#allocator.cluster();
    await this.#file.write(at, this.#l2);
    this.#l1.writeBigUInt64BE(COPIED | BigInt(at), this.#l2Index * 8);
    this.#l2.fill(0);
  }

  #header(): Buffer {
    const { l2Tables, l1Clusters, refcountClusters } = this.#layout;
    const bytes = Buffer.alloc(HEADER_BYTES + 8);
    headerV2.write(bytes, {
      magic: MAGIC,
      version: 3,
      cluster_bits: CLUSTER_BITS,
      size: BigInt(this.#lengthBytes),
      l1_size: l2Tables,
      l1_table_offset: BigInt(CLUSTER_BYTES),
      refcount_table_offset: BigInt((1 + l1Clusters) * CLUSTER_BYTES),
      refcount_table_clusters: refcountClusters,
    });
    const isZstd = this.#compression === 'zstd';
    const more = {
      incompatible_features: isZstd ? INCOMPATIBLE.COMPRESSION : 0n,
      refcount_order: REFCOUNT_ORDER,
      header_length: HEADER_BYTES,
      compression_type: isZstd ? COMPRESSION_ZSTD : COMPRESSION_ZLIB,
    };
    headerV3.write(bytes, more, headerV2.size);
    return bytes;
  }
}
