/**
 * What is in use: the items of the extent tree, chunk by chunk in the order of the device, and the superblocks. Of chunks that
 * are kept twice, both copies.
 */
import { EngineError } from '../../core/engine-error.ts';
import type { Extent } from '../../disk/block-source.port.ts';
import type { Chunk } from './chunk-map.ts';
import { address, SUPERBLOCK_BYTES, SUPERBLOCK_PLACES } from './superblock.ts';
import { needRoot, OBJECT, TYPE, type BtrfsVolume } from './volume.ts';

const BATCH = 4096;

/**
 * What the items come to must be what the superblock says: none was lost, and none lies outside the chunks.
 * In bytes of the volume, ascending, disjoint.
 * @param lengthBytes of the volume
 * @throws EngineError `FORMAT_INVALID`
 */
export async function* usedExtents(
  volume: BtrfsVolume,
  lengthBytes: number,
  signal: AbortSignal,
): AsyncGenerator<Extent[]> {
  const root = await needRoot(volume, OBJECT.EXTENT_TREE);
  const places = volume.map.chunks.flatMap((chunk) => chunk.places.map((startBytes) => ({ startBytes, chunk })));
  places.sort((a, b) => a.startBytes - b.startBytes);
  const merge = new Ascending(lengthBytes);
  let foundBytes = 0;
  for (const { startBytes, chunk } of places) {
    for await (const items of volume.trees.itemsByLeaf(root, firstOf(chunk), lastOf(chunk))) {
      signal.throwIfAborted();
      for (const { objectId, type, offset } of items) {
        if (type !== TYPE.EXTENT && type !== TYPE.METADATA) continue;
        const logicalBytes = address('extent', objectId);
        const length = type === TYPE.METADATA ? volume.sb.nodeBytes : address('extent length', offset);
        if (length === 0 || logicalBytes + length > chunk.logicalBytes + chunk.lengthBytes) {
          throw new EngineError('FORMAT_INVALID', { field: 'extent', value: String(logicalBytes) });
        }
        // chunks that are kept twice count once
        if (startBytes === chunk.places[0]) foundBytes += length;
        merge.add(startBytes + logicalBytes - chunk.logicalBytes, length);
      }
      if (merge.batch.length >= BATCH) yield merge.take();
    }
  }
  if (foundBytes !== volume.sb.usedBytes) {
    throw new EngineError('FORMAT_INVALID', { field: 'bytes_used', value: String(volume.sb.usedBytes), foundBytes });
  }
  merge.end();
  yield merge.take();
}

const firstOf = ({ logicalBytes }: Chunk) => ({ objectId: BigInt(logicalBytes), type: 0, offset: 0n });
const lastOf = ({ logicalBytes, lengthBytes }: Chunk) => ({
  objectId: BigInt(logicalBytes + lengthBytes - 1),
  type: 255,
  offset: 2n ** 64n - 1n,
});

/** Extents in ascending order, with what lies at fixed places put in between: boot code in the first 64 KiB, and the superblocks. */
class Ascending {
  batch: Extent[] = [];
  readonly #fixed: Extent[];
  readonly #lengthBytes: number;
  #endBytes = 0;

  constructor(lengthBytes: number) {
    this.#lengthBytes = lengthBytes;
    const copies = SUPERBLOCK_PLACES.map((startBytes) => ({ startBytes, lengthBytes: SUPERBLOCK_BYTES }));
    this.#fixed = [{ startBytes: 0, lengthBytes: SUPERBLOCK_PLACES[0] }, ...copies].filter(
      (extent) => extent.startBytes + extent.lengthBytes <= lengthBytes,
    );
  }

  add(startBytes: number, lengthBytes: number): void {
    while (this.#fixed.length > 0 && this.#fixed[0].startBytes < startBytes) this.#push(this.#fixed.shift()!);
    this.#push({ startBytes, lengthBytes });
  }

  end(): void {
    this.#fixed.splice(0).forEach((extent) => this.#push(extent));
  }

  take(): Extent[] {
    return this.batch.splice(0);
  }

  #push({ startBytes, lengthBytes }: Extent): void {
    if (startBytes < this.#endBytes || startBytes + lengthBytes > this.#lengthBytes) {
      throw new EngineError('FORMAT_INVALID', { field: 'extent', value: String(startBytes), max: this.#lengthBytes });
    }
    this.#endBytes = startBytes + lengthBytes;
    this.batch.push({ startBytes, lengthBytes });
  }
}
