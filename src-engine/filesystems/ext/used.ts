/** Which blocks of an ext file system are used, group by group, from the bitmaps. */
import { eachSetRun } from '../../core/bitmap.ts';
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { BlockSource, Extent } from '../../disk/block-source.port.ts';
import { readBlocks } from './blocks.ts';
import { bitmapChecksum } from './checksums.ts';
import { descriptorOf, readDescriptorTable, type GroupDescriptor } from './descriptors.ts';
import { RO_COMPAT } from './features.ts';
import { fixedBlocks, groupBlocks, groupOf, groupStart } from './groups.ts';
import { SUPERBLOCK_OFFSET_BYTES, type ExtSuperblock } from './superblock.ts';

/** Bitmaps read at once: under flex_bg those of 16 groups and more stand side by side. At most 4 MiB (64 KiB blocks). */
const GROUPS_AT_ONCE = 64;

/** Runs of tables outside the groups that they belong to: one of each kind for a flex group, 49,152 in 16 TiB of 16 groups each. */
const FOREIGN_RUNS_MAX = 2 ** 18;

type Run = readonly [first: number, count: number];

/**
 * Every group is asked the same thing three times: by its bitmap, by the count in its descriptor and by the places of the tables
 * that lie in it. What the counts come to must be what the superblock says.
 * @param isSuperblockCurrent whether its count of free blocks can be asked: a journal does not keep it
 * @yields the used bytes, one batch for a group
 * @throws EngineError `FORMAT_INVALID` where a descriptor or a bitmap cannot be trusted, or they contradict each other
 */
export async function* usedBlocks(
  volume: BlockSource,
  sb: ExtSuperblock,
  isSuperblockCurrent: boolean,
  signal: AbortSignal,
): AsyncGenerator<Extent[]> {
  const table = await readDescriptorTable(volume, sb);
  const foreign = foreignMetadata(sb, table);
  let freeClusters = 0;
  if (sb.firstDataBlock > 0) yield [{ startBytes: 0, lengthBytes: SUPERBLOCK_OFFSET_BYTES }];
  for (let first = 0; first < sb.groupCount; first += GROUPS_AT_ONCE) {
    signal.throwIfAborted();
    const count = Math.min(GROUPS_AT_ONCE, sb.groupCount - first);
    const groups = Array.from({ length: count }, (_, i) => descriptorOf(sb, table, first + i));
    const written = groups.filter((group) => !group.isBitmapUnwritten);
    const bitmaps = await readBlocks(
      volume,
      sb.blockBytes,
      written.map((group) => group.blockBitmap),
    );
    let at = 0;
    for (const group of groups) {
      const metadata = [...ownMetadata(sb, group), ...(foreign.get(group.group) ?? [])];
      const bits = group.isBitmapUnwritten
        ? impliedBitmap(sb, group, metadata)
        : writtenBitmap(sb, group, metadata, bitmaps.subarray(at, (at += sb.blockBytes)));
      checkFreeCount(sb, group, bits);
      freeClusters += group.freeCount;
      yield extentsOf(sb, group.group, bits);
    }
  }
  const free = freeClusters * sb.blocksPerCluster;
  if (isSuperblockCurrent && free !== sb.freeBlockCount) {
    throw new EngineError('FORMAT_INVALID', { field: 's_free_blocks_count', value: String(sb.freeBlockCount), free });
  }
}

/** Bits of a group's bitmap that mean something. */
function clustersOf(sb: ExtSuperblock, group: number): number {
  return Math.ceil(groupBlocks(sb, group) / sb.blocksPerCluster);
}

/** What drivers take a bitmap for that was never written: metadata, and nothing else. */
function impliedBitmap(sb: ExtSuperblock, { group }: GroupDescriptor, metadata: Run[]): Buffer {
  const bits = Buffer.alloc(sb.blockBytes);
  for (const run of metadata) eachBit(sb, group, run, (bit) => (bits[bit >>> 3] |= 1 << (bit & 7)));
  return bits;
}

/** A bitmap is believed when its checksum is right and it knows of the metadata in its group. */
function writtenBitmap(sb: ExtSuperblock, descriptor: GroupDescriptor, metadata: Run[], bits: Buffer): Buffer {
  const { group } = descriptor;
  if (sb.features.roCompat & RO_COMPAT.METADATA_CSUM && bitmapChecksum(sb, bits) !== descriptor.bitmapChecksum) {
    throw new EngineError('FORMAT_INVALID', { checksum: 'block bitmap', group });
  }
  for (const run of metadata) {
    eachBit(sb, group, run, (bit) => {
      if ((bits[bit >>> 3] >>> (bit & 7)) & 1) return;
      throw new EngineError('FORMAT_INVALID', {
        field: 'block bitmap',
        value: 'metadata is free',
        block: run[0],
        group,
      });
    });
  }
  return bits;
}

function checkFreeCount(sb: ExtSuperblock, { group, freeCount }: GroupDescriptor, bits: Buffer): void {
  let free = clustersOf(sb, group);
  eachSetRun(bits, free, (_, count) => (free -= count));
  if (free !== freeCount) {
    throw new EngineError('FORMAT_INVALID', { field: 'bg_free_blocks_count', value: String(freeCount), free, group });
  }
}

function ownMetadata(sb: ExtSuperblock, descriptor: GroupDescriptor): Run[] {
  return [[groupStart(sb, descriptor.group), fixedBlocks(sb, descriptor.group)], ...tablesOf(sb, descriptor)];
}

function tablesOf(sb: ExtSuperblock, descriptor: GroupDescriptor): Run[] {
  return [
    [descriptor.blockBitmap, 1],
    [descriptor.inodeBitmap, 1],
    [descriptor.inodeTable, sb.inodeTableBlocks],
  ];
}

/**
 * Under flex_bg the bitmaps and tables of a group may lie in another one, mostly side by side with those of its neighbours.
 * @returns runs of blocks by the group that they lie in, without those of the group itself
 * @throws EngineError `FORMAT_INVALID` for more than any sound file system has
 */
function foreignMetadata(sb: ExtSuperblock, table: Buffer): Map<number, Run[]> {
  const foreign = new Map<number, Run[]>();
  const open: ([first: number, count: number] | null)[] = [null, null, null];
  let kept = 0;
  const close = (run: Run | null) => {
    if (!run) return;
    const lastGroup = groupOf(sb, run[0] + run[1] - 1);
    for (let group = groupOf(sb, run[0]); group <= lastGroup; group++) {
      checkRange('tables outside their groups', ++kept, 0, FOREIGN_RUNS_MAX);
      const runs = foreign.get(group);
      if (runs) runs.push(run);
      else foreign.set(group, [run]);
    }
  };
  for (let owner = 0; owner < sb.groupCount; owner++) {
    tablesOf(sb, descriptorOf(sb, table, owner)).forEach(([first, count], kind) => {
      if (groupOf(sb, first) === owner && groupOf(sb, first + count - 1) === owner) return;
      const before = open[kind];
      if (before && before[0] + before[1] === first) before[1] += count;
      else {
        close(before);
        open[kind] = [first, count];
      }
    });
  }
  open.forEach(close);
  return foreign;
}

/** Every bit that stands for a part of the run inside the group. */
function eachBit(sb: ExtSuperblock, group: number, [first, count]: Run, visit: (bit: number) => void): void {
  const start = groupStart(sb, group);
  const from = Math.max(first, start) - start;
  const to = Math.min(first + count - start, groupBlocks(sb, group));
  const lastBit = Math.ceil(to / sb.blocksPerCluster);
  for (let bit = Math.floor(from / sb.blocksPerCluster); bit < lastBit; bit++) visit(bit);
}

/** Clusters are cut off at the end of the file system, which needs not be a multiple of them. */
function extentsOf(sb: ExtSuperblock, group: number, bits: Buffer): Extent[] {
  const start = groupStart(sb, group);
  const blocks = groupBlocks(sb, group);
  const extents: Extent[] = [];
  eachSetRun(bits, clustersOf(sb, group), (first, count) => {
    const from = first * sb.blocksPerCluster;
    const to = Math.min((first + count) * sb.blocksPerCluster, blocks);
    extents.push({ startBytes: (start + from) * sb.blockBytes, lengthBytes: (to - from) * sb.blockBytes });
  });
  return extents;
}
