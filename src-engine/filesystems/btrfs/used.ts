/**
 * What is in use: the items of the extent tree, chunk by chunk in the order of the device, and the superblocks. Of chunks that
 * are kept twice, both copies.
 */
import { EngineError } from '../../core/engine-error.ts';
import { struct, u64le } from '../../core/struct.ts';
import type { Extent } from '../../disk/block-source.port.ts';
import type { Chunk } from './chunk-map.ts';
import { FreeSpaceCheck } from './free-space.ts';
import { address, SUPERBLOCK_BYTES, SUPERBLOCK_PLACES, type TreeRoot } from './superblock.ts';
import type { Item } from './tree.ts';
import { needRoot, OBJECT, roots, TYPE, type BtrfsVolume } from './volume.ts';

const BATCH = 4096;
/** Of more snapshots than these, the nodes of the first are asked for: a read for each of them is enough. */
const TREES_MAX = 1024;
/** struct btrfs_block_group_item, as far as it matters. */
const blockGroupItem = struct(24, { usedBytes: u64le(0) });

/**
 * Extents are believed where everything else that counts them agrees: their sum in each block group and in the superblock, the
 * tree of free space, and the trees, whose upper nodes must be among them.
 * In bytes of the volume, ascending, disjoint.
 * @param lengthBytes of the volume
 * @throws EngineError `FORMAT_INVALID`
 */
export async function* usedExtents(
  volume: BtrfsVolume,
  lengthBytes: number,
  signal: AbortSignal,
): AsyncGenerator<Extent[]> {
  const { sb, map, trees } = volume;
  const root = await needRoot(volume, OBJECT.EXTENT_TREE);
  const nodes = await knownNodes(volume);
  const groups = await readBlockGroups(volume);
  const freeRoot = sb.hasFreeSpaceTree ? await needRoot(volume, OBJECT.FREE_SPACE_TREE) : null;
  const places = map.chunks.flatMap((chunk) => chunk.places.map((startBytes) => ({ startBytes, chunk })));
  places.sort((a, b) => a.startBytes - b.startBytes);
  const merge = new Ascending(lengthBytes);
  let foundBytes = 0;
  for (const { startBytes, chunk } of places) {
    let chunkBytes = 0;
    // once for chunks that are kept twice; one without a block group has no free space there
    const isAsked = startBytes === chunk.places[0] && groups.has(chunk.logicalBytes);
    const free = freeRoot && isAsked ? new FreeSpaceCheck(volume, freeRoot, chunk) : null;
    for await (const items of trees.itemsByLeaf(root, firstOf(chunk), lastOf(chunk))) {
      signal.throwIfAborted();
      for (const item of items) {
        if (item.type !== TYPE.EXTENT && item.type !== TYPE.METADATA) continue;
        const { logicalBytes, length } = extentOf(volume, chunk, item);
        if (length === sb.nodeBytes) nodes.delete(logicalBytes);
        await free?.used(logicalBytes, length);
        chunkBytes += length;
        merge.add(startBytes + logicalBytes - chunk.logicalBytes, length);
      }
      if (merge.batch.length >= BATCH) yield merge.take();
    }
    await free?.end();
    checkSum('used of a block group', groups.get(chunk.logicalBytes) ?? null, chunkBytes);
    // chunks that are kept twice count once
    if (startBytes === chunk.places[0]) foundBytes += chunkBytes;
  }
  checkSum('bytes_used', sb.usedBytes, foundBytes);
  for (const node of nodes) throw new EngineError('FORMAT_INVALID', { field: 'extents', value: 'tree node', node });
  merge.end();
  yield merge.take();
}

/** @throws EngineError `FORMAT_INVALID` where it leaves its chunk, or is not made of whole sectors */
function extentOf({ sb }: BtrfsVolume, chunk: Chunk, { objectId, type, offset }: Item) {
  const logicalBytes = address('extent', objectId);
  const length = type === TYPE.METADATA ? sb.nodeBytes : address('extent length', offset);
  const isWhole = logicalBytes % sb.sectorBytes === 0 && length % sb.sectorBytes === 0;
  if (!isWhole || length === 0 || logicalBytes + length > chunk.logicalBytes + chunk.lengthBytes) {
    throw new EngineError('FORMAT_INVALID', { field: 'extent', value: String(logicalBytes), length });
  }
  return { logicalBytes, length };
}

function checkSum(field: string, value: number | null, found: number): void {
  if (value !== found) throw new EngineError('FORMAT_INVALID', { field, value: String(value), found });
}

/**
 * Addresses of nodes that are in use for certain: the upper two levels of every tree. Reads one node of each.
 * @throws EngineError `FORMAT_INVALID`
 */
async function knownNodes(volume: BtrfsVolume): Promise<Set<number>> {
  const { sb, trees } = volume;
  const nodes = new Set<number>();
  const add = async (root: TreeRoot) => (await trees.topNodes(root)).forEach((node) => nodes.add(node));
  await add(sb.root);
  await add(sb.chunkRoot);
  let left = TREES_MAX;
  for await (const root of roots(volume)) {
    if (left-- === 0) break;
    if (root.isDeleted) nodes.add(root.bytenr);
    else await add(root);
  }
  return nodes;
}

/** @returns what is used of each block group, by its logical address. @throws EngineError `FORMAT_INVALID` */
async function readBlockGroups(volume: BtrfsVolume): Promise<Map<number, number>> {
  const { sb, map, trees } = volume;
  const root = await needRoot(volume, sb.hasBlockGroupTree ? OBJECT.BLOCK_GROUP_TREE : OBJECT.EXTENT_TREE);
  const groups = new Map<number, number>();
  for (const { logicalBytes, lengthBytes } of map.chunks) {
    const item = await trees.find(root, {
      objectId: BigInt(logicalBytes),
      type: TYPE.BLOCK_GROUP,
      offset: BigInt(lengthBytes),
    });
    if (item) groups.set(logicalBytes, address('used of a block group', blockGroupItem.read(item.data).usedBytes));
  }
  return groups;
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
