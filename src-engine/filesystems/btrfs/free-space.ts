/**
 * The tree of free space: what a kernel goes by when it writes. Source: Linux, include/uapi/linux/btrfs_tree.h, struct
 * btrfs_free_space_info; fs/btrfs/free-space-tree.c, "Free space tree".
 */
import { eachSetRun } from '../../core/bitmap.ts';
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { Chunk } from './chunk-map.ts';
import { address, type TreeRoot } from './superblock.ts';
import { MAX_OFFSET } from './tree.ts';
import { TYPE, type BtrfsVolume } from './volume.ts';

/**
 * What is used of a chunk, compared with what the tree calls free: each must begin where the other ends.
 * @param free of the chunk, in ascending order
 */
export class FreeSpaceCheck {
  readonly #free: AsyncGenerator<{ start: number; end: number }>;
  readonly #chunkEnd: number;
  #endOfUsed: number;

  constructor(volume: BtrfsVolume, root: TreeRoot, chunk: Chunk) {
    this.#free = freeRuns(volume, root, chunk);
    this.#endOfUsed = chunk.logicalBytes;
    this.#chunkEnd = chunk.logicalBytes + chunk.lengthBytes;
  }

  /** @param start of the next extent that is used, in addresses of the file system. @throws EngineError `FORMAT_INVALID` */
  async used(start: number, lengthBytes: number): Promise<void> {
    if (start > this.#endOfUsed) await this.#expect(this.#endOfUsed, start);
    this.#endOfUsed = start + lengthBytes;
  }

  /** @throws EngineError `FORMAT_INVALID` */
  async end(): Promise<void> {
    if (this.#chunkEnd > this.#endOfUsed) await this.#expect(this.#endOfUsed, this.#chunkEnd);
    const more = (await this.#free.next()).value;
    if (more) throw contradiction(more.start);
  }

  async #expect(start: number, end: number): Promise<void> {
    const run = (await this.#free.next()).value;
    if (run?.start !== start || run.end !== end) throw contradiction(start);
  }
}

const contradiction = (start: number) =>
  new EngineError('FORMAT_INVALID', { field: 'free-space tree', value: 'other than the extents', start });

/** Free runs of a chunk as the tree has them, ascending; those that touch are one. */
async function* freeRuns(
  volume: BtrfsVolume,
  root: TreeRoot,
  chunk: Chunk,
): AsyncGenerator<{ start: number; end: number }> {
  let last = null as { start: number; end: number } | null;
  for await (const { start, end } of pieces(volume, root, chunk)) {
    if (last?.end === start) last = { start: last.start, end };
    else {
      if (last) yield last;
      last = { start, end };
    }
  }
  if (last) yield last;
}

/** An item is a run, or says with a bit for each sector what is free of its part of the chunk. */
async function* pieces(
  { sb, trees }: BtrfsVolume,
  root: TreeRoot,
  { logicalBytes, lengthBytes }: Chunk,
): AsyncGenerator<{ start: number; end: number }> {
  const max = { objectId: BigInt(logicalBytes + lengthBytes - 1), type: 255, offset: MAX_OFFSET };
  for await (const item of trees.items(root, { objectId: BigInt(logicalBytes), type: 0, offset: 0n }, max)) {
    if (item.type !== TYPE.FREE_SPACE_EXTENT && item.type !== TYPE.FREE_SPACE_BITMAP) continue;
    const start = address('free space', item.objectId);
    const length = checkRange('free space', address('free space', item.offset), 1, logicalBytes + lengthBytes - start);
    if (item.type === TYPE.FREE_SPACE_EXTENT) {
      yield { start, end: start + length };
      continue;
    }
    const bits = Math.floor(length / sb.sectorBytes);
    checkRange('bitmap of free space', item.data.length, Math.ceil(bits / 8), item.data.length);
    const runs: { start: number; end: number }[] = [];
    eachSetRun(item.data, bits, (first, count) => {
      runs.push({ start: start + first * sb.sectorBytes, end: start + (first + count) * sb.sectorBytes });
    });
    yield* runs;
  }
}
