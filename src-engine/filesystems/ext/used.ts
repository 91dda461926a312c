/** Which blocks of an ext file system are used, group by group, from the bitmaps. */
import { eachSetRun } from '../../core/bitmap.ts';
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

/** Sound file systems have none: see {@link strayMetadata}. */
const STRAY_RUNS_MAX = 65_536;

type Run = readonly [first: number, count: number];

/**
 * @yields the used bytes, one batch for a group
 * @throws EngineError `FORMAT_INVALID` where a descriptor or a bitmap cannot be trusted
 */
export async function* usedBlocks(
  volume: BlockSource,
  sb: ExtSuperblock,
  signal: AbortSignal,
): AsyncGenerator<Extent[]> {
  const table = await readDescriptorTable(volume, sb);
  const stray = strayMetadata(sb, table);
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
      const bits = group.isBitmapUnwritten
        ? Buffer.alloc(sb.blockBytes)
        : checkedBitmap(sb, group, bitmaps.subarray(at, (at += sb.blockBytes)));
      for (const run of ownMetadata(sb, group)) mark(sb, group.group, bits, run);
      for (const run of stray.get(group.group) ?? []) mark(sb, group.group, bits, run);
      yield extentsOf(sb, group.group, bits);
    }
  }
}

/** Bits of a group's bitmap that mean something. */
function clustersOf(sb: ExtSuperblock, group: number): number {
  return Math.ceil(groupBlocks(sb, group) / sb.blocksPerCluster);
}

/** A bitmap is believed when its checksum is right and it has as many free clusters as the descriptor says. */
function checkedBitmap(sb: ExtSuperblock, descriptor: GroupDescriptor, bits: Buffer): Buffer {
  const { group, freeCount } = descriptor;
  if (sb.features.roCompat & RO_COMPAT.METADATA_CSUM && bitmapChecksum(sb, bits) !== descriptor.bitmapChecksum) {
    throw new EngineError('FORMAT_INVALID', { checksum: 'block bitmap', group });
  }
  let free = clustersOf(sb, group);
  eachSetRun(bits, free, (_, count) => (free -= count));
  if (free !== freeCount) {
    throw new EngineError('FORMAT_INVALID', { field: 'bg_free_blocks_count', value: String(freeCount), free, group });
  }
  return bits;
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
 * Under flex_bg the bitmaps and tables of a group may lie in another one. Where that one's bitmap was never written, nothing
 * else tells that these blocks are used. mke2fs and the kernel write the bitmap then; this is for tools that did not.
 * @returns runs of blocks by the group without a bitmap that they touch
 */
function strayMetadata(sb: ExtSuperblock, table: Buffer): Map<number, Run[]> {
  const unwritten = new Uint8Array(sb.groupCount);
  for (let group = 0; group < sb.groupCount; group++) {
    unwritten[group] = Number(descriptorOf(sb, table, group).isBitmapUnwritten);
  }
  const stray = new Map<number, Run[]>();
  if (!unwritten.includes(1)) return stray;
  let count = 0;
  for (let owner = 0; owner < sb.groupCount; owner++) {
    for (const run of tablesOf(sb, descriptorOf(sb, table, owner))) {
      const lastGroup = groupOf(sb, run[0] + run[1] - 1);
      for (let group = groupOf(sb, run[0]); group <= lastGroup; group++) {
        if (group === owner || !unwritten[group]) continue;
        if (++count > STRAY_RUNS_MAX)
          throw new EngineError('FORMAT_INVALID', { field: 'bg_flags', value: 'BLOCK_UNINIT' });
        const runs = stray.get(group) ?? [];
        runs.push(run);
        stray.set(group, runs);
      }
    }
  }
  return stray;
}

function mark(sb: ExtSuperblock, group: number, bits: Buffer, [first, count]: Run): void {
  const start = groupStart(sb, group);
  const from = Math.max(first, start) - start;
  const to = Math.min(first + count - start, groupBlocks(sb, group));
  const lastBit = Math.ceil(to / sb.blocksPerCluster);
  for (let bit = Math.floor(from / sb.blocksPerCluster); bit < lastBit; bit++) bits[bit >>> 3] |= 1 << (bit & 7);
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
