/** Compressed clusters of an image: read together, unpacked side by side, the last ones kept for small reads. */
import { EngineError } from '../core/engine-error.ts';
import type { BlockSource } from '../disk/block-source.port.ts';
import type { ImageMap, PackedPiece } from './image-map.port.ts';
import { Slots } from './slots.ts';
import { checkInFile, truncated } from './truncated.ts';

/** Compressed neighbours are read in one go, up to this much. */
const GROUP_BYTES = 1024 * 1024;
/** Groups that are in memory at once. */
const GROUPS_AT_ONCE = 4;
/** What zlib's functions may have under way: Node runs them on four threads. */
const UNPACKS_AT_ONCE = 4;
/** Clusters that were asked for in part are kept: the next read wants the rest. */
const KEPT_BYTES = 4 * 1024 * 1024;

/** A piece and where in the reader's memory it goes. */
export interface Wanted {
  readonly piece: PackedPiece;
  /** where on the virtual disk the piece begins */
  readonly startBytes: number;
  readonly into: Uint8Array;
}

export class PackedClusters {
  readonly #map: ImageMap;
  readonly #groups = new Slots(GROUPS_AT_ONCE);
  readonly #unpacks = new Slots(UNPACKS_AT_ONCE);
  /** by where on the virtual disk the cluster begins; the one that was not used longest is the first */
  readonly #kept = new Map<number, Promise<Buffer>>();

  constructor(map: ImageMap) {
    this.#map = map;
  }

  /** Starts reading. @returns what is under way; all of it has to end before `into` may be used for something else */
  read(wanted: readonly Wanted[]): Promise<void>[] {
    const underWay: Promise<void>[] = [];
    const missing: Wanted[] = [];
    for (const one of wanted) {
      const key = one.startBytes - one.piece.skipBytes;
      const kept = this.#kept.get(key);
      if (!kept) {
        missing.push(one);
        continue;
      }
      this.#kept.delete(key);
      this.#kept.set(key, kept);
      underWay.push(kept.then((cluster) => copy(cluster, one)));
    }
    for (const group of groupsOf(missing)) {
      const clusters = this.#groups.run(() => this.#unpackGroup(group));
      underWay.push(clusters.then(() => {}));
      group.forEach((one, i) => {
        if (!this.#isWhole(one)) this.#keep(one, clusters, i);
      });
    }
    return underWay;
  }

  async #unpackGroup(group: readonly Wanted[]): Promise<Buffer[]> {
    const { file, offsetBytes } = group[0].piece;
    checkInFile('compressed cluster', file, offsetBytes, 1);
    const bytes = Buffer.allocUnsafeSlow(Math.min(endOf(group), file.lengthBytes) - offsetBytes);
    await file.readInto(offsetBytes, bytes);
    const unpacking = group.map((one) =>
      this.#unpacks.run(async () => {
        const from = one.piece.offsetBytes - offsetBytes;
        const cluster = await this.#unpack(file, one.piece, bytes.subarray(from, from + one.piece.packedBytes));
        copy(cluster, one);
        if (this.#isWhole(one)) release(cluster);
        return cluster;
      }),
    );
    // where one fails, the others must not write into memory that was taken back
    await Promise.allSettled(unpacking);
    const clusters = await Promise.all(unpacking);
    release(bytes);
    return clusters;
  }

  #isWhole({ piece }: Wanted): boolean {
    return piece.lengthBytes === this.#map.clusterBytes;
  }

  async #unpack(file: BlockSource, piece: PackedPiece, packed: Buffer): Promise<Buffer> {
    try {
      const cluster = await this.#map.unpack!(packed);
      if (cluster.length === this.#map.clusterBytes) return cluster;
      throw new Error(`${cluster.length} bytes, not ${this.#map.clusterBytes}`);
    } catch (error) {
      if (piece.offsetBytes + piece.packedBytes > file.lengthBytes) {
        throw truncated(file, piece.offsetBytes + piece.packedBytes);
      }
      if (error instanceof EngineError) throw error;
      const data = { field: 'compressed cluster', value: String(piece.offsetBytes) };
      throw new EngineError('FORMAT_INVALID', data, String(error), { cause: error });
    }
  }

  #keep({ piece, startBytes }: Wanted, clusters: Promise<Buffer[]>, index: number): void {
    const key = startBytes - piece.skipBytes;
    const cluster = clusters.then((all) => all[index]);
    cluster.catch(() => this.#kept.delete(key));
    this.#kept.set(key, cluster);
    if (this.#kept.size * this.#map.clusterBytes > KEPT_BYTES) this.#kept.delete(this.#kept.keys().next().value!);
  }
}

/** Neighbours in the file, ascending, that are read together. */
function groupsOf(wanted: readonly Wanted[]): Wanted[][] {
  const groups: Wanted[][] = [];
  for (const one of wanted) {
    const group = groups.at(-1);
    const first = group?.[0].piece;
    const { file, offsetBytes, packedBytes } = one.piece;
    const isNeighbour =
      first?.file === file &&
      offsetBytes >= first.offsetBytes &&
      offsetBytes <= endOf(group!) &&
      offsetBytes + packedBytes - first.offsetBytes <= GROUP_BYTES;
    if (isNeighbour) group!.push(one);
    else groups.push([one]);
  }
  return groups;
}

function endOf(group: readonly Wanted[]): number {
  const { offsetBytes, packedBytes } = group.at(-1)!.piece;
  return offsetBytes + packedBytes;
}

function copy(cluster: Buffer, { piece, into }: Wanted): void {
  into.set(cluster.subarray(piece.skipBytes, piece.skipBytes + piece.lengthBytes));
}

/**
 * Gives memory back at once: the garbage collector, which sees small objects only, lets a hundred megabytes come together. What
 * zlib made is never a piece of Node's pool: that has only pieces of half its size.
 */
function release({ buffer }: Buffer): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength > Buffer.poolSize) buffer.transfer(0);
}
