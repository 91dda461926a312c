/** Where the blocks of an inode lie: Linux, Documentation/filesystems/ext4/ifork.rst. */
import { checkRange } from '../../core/bounds.ts';
import { crc32c } from '../../core/crc32c.ts';
import { EngineError } from '../../core/engine-error.ts';
import { struct, u16le, u32le } from '../../core/struct.ts';
import { readBlocks } from './blocks.ts';
import { RO_COMPAT } from './features.ts';
import { extentTailAt } from './inode-checksums.ts';
import { FLAG, type ExtInode, type ExtVolume } from './inodes.ts';

/** Blocks of an inode that follow each other. All numbers count blocks. */
export interface BlockRun {
  /** the first one in the inode */
  readonly logical: number;
  /** the first one in the file system */
  readonly start: number;
  readonly count: number;
  /** false: allocated, but never written; reads as zeros */
  readonly isWritten: boolean;
}

/** A part of a map: the runs that one block of it tells, or what the inode itself tells. */
export interface MapPart {
  /** the block of the map; null for the inode */
  readonly block: number | null;
  readonly runs: BlockRun[];
}

const extentHeader = struct(12, { magic: u16le(0), entries: u16le(2), max: u16le(4), depth: u16le(6) });
const extentLeaf = struct(12, { block: u32le(0), len: u16le(4), start_hi: u16le(6), start_lo: u32le(8) });
const extentIndex = struct(12, { block: u32le(0), leaf_lo: u32le(4), leaf_hi: u16le(8) });

const EXTENT_MAGIC = 0xf30a;
const EXTENT_DEPTH_MAX = 5;
/** Lengths above it are extents that were allocated, not written. */
const EXTENT_WRITTEN_MAX = 32_768;
/** Blocks of an inode are counted with 32 bits. */
const LOGICAL_END = 2 ** 32;
const DIRECT_BLOCKS = 12;

/**
 * @param from the first block of the inode that is of interest: parts of the map that end before it are not read
 * @yields the map part by part, runs in ascending order, with the parts that have none
 * @throws EngineError `FORMAT_INVALID` where the map leaves the file system, or cannot be, or a checksum is wrong; `READ_FAILED`
 */
export function mapOfInode(fs: ExtVolume, inode: ExtInode, from = 0): AsyncGenerator<MapPart> {
  if ((inode.flags & FLAG.EXTENTS) === 0) return pointerMap(fs, inode.map, from);
  const node: ExtentNode = { bytes: inode.map, block: null, depthMax: EXTENT_DEPTH_MAX, low: 0, high: LOGICAL_END };
  return extentMap(fs, inode, node, from);
}

function inside({ sb }: ExtVolume, block: number, count = 1): number {
  return checkRange('block of an inode', block, sb.firstDataBlock, sb.blockCount - count);
}

interface ExtentNode {
  readonly bytes: Buffer;
  readonly block: number | null;
  readonly depthMax: number;
  /** what the node may tell about: blocks in [low, high) of the inode. Keeps a tree that goes in circles from being followed */
  readonly low: number;
  readonly high: number;
}

async function* extentMap(fs: ExtVolume, inode: ExtInode, node: ExtentNode, from: number): AsyncGenerator<MapPart> {
  const { bytes, block, depthMax, high } = node;
  const header = extentHeader.read(bytes);
  checkRange('eh_magic', header.magic, EXTENT_MAGIC, EXTENT_MAGIC);
  checkRange('eh_depth', header.depth, block === null ? 0 : depthMax, depthMax);
  checkRange('eh_max', header.max, 1, Math.floor(bytes.length / 12) - 1);
  checkRange('eh_entries', header.entries, block === null ? 0 : 1, header.max);
  if (block !== null) checkExtentTail(fs, inode, bytes, header.max);
  if (header.depth === 0) {
    yield { block, runs: extentRuns(fs, node, header.entries) };
    return;
  }
  yield { block, runs: [] };
  let { low } = node;
  for (let entry = 1; entry <= header.entries; entry++) {
    const index = extentIndex.read(bytes, entry * 12);
    low = checkRange('ei_block', index.block, low, high - 1);
    const end =
      entry === header.entries
        ? high
        : checkRange('ei_block', extentIndex.read(bytes, entry * 12 + 12).block, low + 1, high - 1);
    if (end > from) {
      const child = inside(fs, index.leaf_lo + index.leaf_hi * 2 ** 32);
      const childBytes = await readBlocks(fs.view, fs.sb.blockBytes, [child]);
      yield* extentMap(
        fs,
        inode,
        { bytes: childBytes, block: child, depthMax: header.depth - 1, low, high: end },
        from,
      );
    }
    low = end;
  }
}

function checkExtentTail({ sb }: ExtVolume, inode: ExtInode, bytes: Buffer, entriesMax: number): void {
  if ((sb.features.roCompat & RO_COMPAT.METADATA_CSUM) === 0) return;
  const tailAt = extentTailAt(entriesMax);
  if (crc32c(inode.seed, bytes.subarray(0, tailAt)) !== bytes.readUInt32LE(tailAt)) {
    throw new EngineError('FORMAT_INVALID', { checksum: 'extent block', inode: inode.number });
  }
}

function extentRuns(fs: ExtVolume, { bytes, low, high }: ExtentNode, entries: number): BlockRun[] {
  const runs: BlockRun[] = [];
  let filled = low;
  for (let entry = 1; entry <= entries; entry++) {
    const { block, len, start_hi, start_lo } = extentLeaf.read(bytes, entry * 12);
    const isWritten = len <= EXTENT_WRITTEN_MAX;
    const count = checkRange('ee_len', isWritten ? len : len - EXTENT_WRITTEN_MAX, 1, EXTENT_WRITTEN_MAX);
    const start = inside(fs, start_lo + start_hi * 2 ** 32, count);
    const logical = checkRange('ee_block', block, filled, high - count);
    runs.push({ logical, start, count, isWritten });
    filled = logical + count;
  }
  return runs;
}

/** Twelve direct pointers, then one block of pointers, one of blocks of pointers, and one a level deeper. */
async function* pointerMap(fs: ExtVolume, iBlock: Buffer, from: number): AsyncGenerator<MapPart> {
  const perBlock = fs.sb.blockBytes / 4;
  // A map that goes in circles ends here: no inode has more blocks than the file system, its own map among them.
  let left = fs.sb.blockCount;
  const take = (blocks: number) => {
    left = checkRange('blocks of an inode', left - blocks, 0, left);
  };

  function runsOf(pointers: Buffer, logical: number): BlockRun[] {
    const runs: BlockRun[] = [];
    const pointer = (i: number) => pointers.readUInt32LE(i * 4);
    for (let i = 0; i < pointers.length / 4;) {
      const start = pointer(i);
      let count = 1;
      while (start !== 0 && i + count < pointers.length / 4 && pointer(i + count) === start + count) count++;
      if (start !== 0) {
        runs.push({ logical: logical + i, start: inside(fs, start, count), count, isWritten: true });
        take(count);
      }
      i += count;
    }
    return runs;
  }

  async function* follow(block: number, level: number, logical: number): AsyncGenerator<MapPart> {
    if (block === 0 || logical + perBlock ** level <= from) return;
    take(1);
    const pointers = await readBlocks(fs.view, fs.sb.blockBytes, [inside(fs, block)]);
    if (level === 1) {
      yield { block, runs: runsOf(pointers, logical) };
      return;
    }
    yield { block, runs: [] };
    const span = perBlock ** (level - 1);
    for (let i = 0; i < perBlock; i++) yield* follow(pointers.readUInt32LE(i * 4), level - 1, logical + i * span);
  }

  yield { block: null, runs: runsOf(iBlock.subarray(0, DIRECT_BLOCKS * 4), 0) };
  let logical = DIRECT_BLOCKS;
  for (let level = 1; level <= 3; level++) {
    yield* follow(iBlock.readUInt32LE((DIRECT_BLOCKS + level - 1) * 4), level, logical);
    logical += perBlock ** level;
  }
}
