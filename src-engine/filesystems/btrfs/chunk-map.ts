/**
 * From logical addresses to places on the device: chunks. Source: Linux, include/uapi/linux/btrfs_tree.h, struct btrfs_chunk
 * and btrfs_stripe.
 */
import { checkRange, checkSpan } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import { struct, u16le, u64le } from '../../core/struct.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { address, type BtrfsSuperblock } from './superblock.ts';

/** Type of the keys of chunks: BTRFS_CHUNK_ITEM_KEY. */
export const CHUNK_ITEM = 228;
const chunkItem = struct(48, { length: u64le(0), type: u64le(24), stripeCount: u16le(44) });
const stripe = struct(32, { deviceId: u64le(0), offset: u64le(8) });

/** A GiB of a device gives at most a few chunks; 2^20 of them are a PiB. */
const MAX_CHUNKS = 2 ** 20;

const DUP = 1n << 5n;
/** Profiles that need more than one device, or deal stripes out. */
const PROFILES: [bigint, string][] = [
  [1n << 3n, 'raid0'],
  [1n << 4n, 'raid1'],
  [1n << 6n, 'raid10'],
  [1n << 7n, 'raid5'],
  [1n << 8n, 'raid6'],
  [1n << 9n, 'raid1c3'],
  [1n << 10n, 'raid1c4'],
];

export interface Chunk {
  readonly logicalBytes: number;
  readonly lengthBytes: number;
  /** one place, or two that hold the same (dup) */
  readonly places: readonly number[];
}

export class ChunkMap {
  readonly #volume: BlockSource;
  /** ascending by logical address */
  #chunks: Chunk[] = [];

  constructor(volume: BlockSource) {
    this.#volume = volume;
  }

  get chunks(): readonly Chunk[] {
    return this.#chunks;
  }

  /**
   * @param item a chunk item; what is there already (the superblock tells some that the tree tells again) must be the same
   * @throws EngineError `FORMAT_INVALID`; `FORMAT_UNSUPPORTED` for profiles over several devices
   */
  add(logical: bigint, item: Buffer, { deviceId, deviceBytes, sectorBytes }: BtrfsSuperblock): void {
    const { length, type, stripeCount } = chunkItem.read(item);
    const profile = PROFILES.find(([bit]) => type & bit);
    if (profile) throw new EngineError('FORMAT_UNSUPPORTED', { feature: `btrfs ${profile[1]}` });
    const copies = type & DUP ? 2 : 1;
    checkRange('num_stripes', stripeCount, copies, copies);
    const lengthBytes = checkRange(
      'chunk length',
      address('chunk length', length),
      sectorBytes,
      Number.MAX_SAFE_INTEGER,
    );
    const logicalBytes = address('chunk offset', logical);
    checkRange('chunk end', logicalBytes + lengthBytes, 1, Number.MAX_SAFE_INTEGER);
    const places = Array.from({ length: stripeCount }, (_, i) => {
      const { deviceId: id, offset } = stripe.read(item, chunkItem.size + i * stripe.size);
      if (id !== deviceId) throw new EngineError('FORMAT_INVALID', { field: 'stripe devid', value: String(id) });
      const place = address('stripe offset', offset);
      checkSpan('stripe offset', place, lengthBytes, deviceBytes);
      return place;
    });
    this.#insert({ logicalBytes, lengthBytes, places });
  }

  #insert(chunk: Chunk): void {
    const at = this.#after(chunk.logicalBytes);
    const [before, next] = [this.#chunks[at - 1], this.#chunks[at]];
    if (before?.logicalBytes === chunk.logicalBytes && before.lengthBytes === chunk.lengthBytes) {
      if (`${before.places}` === `${chunk.places}`) return;
    }
    const isApart =
      (!before || before.logicalBytes + before.lengthBytes <= chunk.logicalBytes) &&
      (!next || chunk.logicalBytes + chunk.lengthBytes <= next.logicalBytes);
    if (!isApart) throw new EngineError('FORMAT_INVALID', { field: 'chunk', value: String(chunk.logicalBytes) });
    checkRange('chunks', this.#chunks.length, 0, MAX_CHUNKS);
    this.#chunks.splice(at, 0, chunk);
  }

  /** Index of the first chunk that begins behind an address. */
  #after(logicalBytes: number): number {
    let low = 0;
    for (let high = this.#chunks.length; low < high;) {
      const middle = (low + high) >>> 1;
      if (this.#chunks[middle].logicalBytes <= logicalBytes) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The chunk that a range lies in. @throws EngineError `FORMAT_INVALID` where it lies in none */
  #chunkOf(logicalBytes: number, lengthBytes: number): Chunk {
    const chunk = this.#chunks[this.#after(logicalBytes) - 1];
    if (!chunk) throw new EngineError('FORMAT_INVALID', { field: 'logical address', value: String(logicalBytes) });
    checkSpan('logical address', logicalBytes - chunk.logicalBytes, lengthBytes, chunk.lengthBytes);
    return chunk;
  }

  /** Where a range lies in the volume: once, or twice. @throws EngineError `FORMAT_INVALID` where it lies outside */
  placesOf(logicalBytes: number, lengthBytes: number): number[] {
    const chunk = this.#chunkOf(logicalBytes, lengthBytes);
    return chunk.places.map((place) => {
      const startBytes = place + logicalBytes - chunk.logicalBytes;
      checkSpan('physical address', startBytes, lengthBytes, this.#volume.lengthBytes);
      return startBytes;
    });
  }

  /** Fills `into` from the first copy that can be read. */
  async readInto(logicalBytes: number, into: Uint8Array): Promise<void> {
    await this.readFirst(logicalBytes, into, () => {});
  }

  /**
   * Fills `into` from the first copy that can be read and that `accept` does not refuse.
   * @param accept looks at `into`; throws EngineError
   * @returns what `accept` returned
   * @throws EngineError what was wrong with the first copy, where none is right
   */
  async readFirst<T>(logicalBytes: number, into: Uint8Array, accept: () => T): Promise<T> {
    let first: EngineError | undefined;
    for (const place of this.placesOf(logicalBytes, into.length)) {
      try {
        await this.#volume.readInto(place, into);
        return accept();
      } catch (error) {
        if (!(error instanceof EngineError)) throw error;
        first ??= error;
      }
    }
    throw first!;
  }
}

/** The pairs of key and chunk item in the superblock. @throws EngineError `FORMAT_INVALID` */
export function addSystemChunks(map: ChunkMap, sb: BtrfsSuperblock): void {
  const bytes = sb.systemChunks;
  for (let at = 0; at < bytes.length;) {
    checkSpan('sys_chunk_array', at, 17 + chunkItem.size, bytes.length);
    checkRange('sys_chunk_array key', bytes.readUInt8(at + 8), CHUNK_ITEM, CHUNK_ITEM);
    const logical = bytes.readBigUInt64LE(at + 9);
    const itemBytes = chunkItem.size + chunkItem.read(bytes, at + 17).stripeCount * stripe.size;
    checkSpan('sys_chunk_array', at + 17, itemBytes, bytes.length);
    map.add(logical, bytes.subarray(at + 17, at + 17 + itemBytes), sb);
    at += 17 + itemBytes;
  }
}
