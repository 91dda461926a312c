/** From the blocks of a file to blocks of the volume: "XFS Algorithms & Data Structures", "Data Extents". */
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import { blockOffset, type XfsVolume } from './addresses.ts';
import { childAt, keyAt, readNode, rootOf, type TreeNode } from './extent-tree.ts';
import type { Fork, XfsInode } from './inode.ts';
import type { XfsSuperblock } from './superblock.ts';

const RECORD_BYTES = 16;

/** Blocks of a file that follow each other in the volume, too. */
export interface Mapping {
  /** first block in the file */
  readonly fileBlock: number;
  readonly count: number;
  /** where it begins in the volume */
  readonly startBytes: number;
  /** reserved and never written: reads as zeros */
  readonly isUnwritten: boolean;
}

export interface MapOptions {
  /** blocks of the file that are asked for: [from, to) */
  readonly from?: number;
  readonly to?: number;
  /** told of every block of the tree, by the place where it begins */
  readonly onTreeBlock?: (startBytes: number) => void;
}

/**
 * What of a fork is mapped, ascending and disjoint, in batches (a block of the tree); runs are not cut at `from` and `to`.
 * Ends, whatever the tree points to: levels fall, and every leaf must go on where the one before it ended.
 * @throws EngineError `FORMAT_INVALID`
 */
export async function* mappings(
  volume: XfsVolume,
  inode: XfsInode,
  fork: Fork,
  options: MapOptions = {},
): AsyncGenerator<Mapping[]> {
  const { from = 0, to = Number.MAX_SAFE_INTEGER } = options;
  let end = 0;
  for await (const records of recordsOf(volume, inode, fork, options)) {
    const batch: Mapping[] = [];
    for (let at = 0; at < records.length; at += RECORD_BYTES) {
      const mapping = mappingAt(volume.sb, records, at, end);
      end = mapping.fileBlock + mapping.count;
      if (mapping.fileBlock < to && end > from) batch.push(mapping);
    }
    if (batch.length > 0) yield batch;
    if (end >= to) return;
  }
}

async function* recordsOf(volume: XfsVolume, inode: XfsInode, fork: Fork, options: MapOptions): AsyncGenerator<Buffer> {
  if (fork.format === 'extents') {
    checkRange('di_nextents', fork.extentCount, 0, Math.floor(fork.bytes.length / RECORD_BYTES));
    yield fork.bytes.subarray(0, fork.extentCount * RECORD_BYTES);
  } else if (fork.format === 'btree') {
    yield* leaves(volume, inode, rootOf(fork), options);
  } else {
    throw new EngineError('FORMAT_INVALID', { field: 'di_format', value: String(fork.format), inode: inode.number });
  }
}

/** Goes down only where blocks from `from` to `to` may be. */
async function* leaves(
  volume: XfsVolume,
  inode: XfsInode,
  node: TreeNode,
  options: MapOptions,
): AsyncGenerator<Buffer> {
  const { from = 0, to = Number.MAX_SAFE_INTEGER, onTreeBlock } = options;
  for (let i = 0; i < node.count; i++) {
    if (i + 1 < node.count && keyAt(node, i + 1) <= from) continue;
    if (i > 0 && keyAt(node, i) >= to) return;
    const child = await readNode(volume, inode, childAt(node, i), node.level - 1);
    onTreeBlock?.(child.startBytes);
    if (child.level === 0) yield child.entries;
    else yield* leaves(volume, inode, child, options);
  }
}

/** 128 bits: flag 1, block in the file 54, address 52, count 21. @param end where the run before it ended */
function mappingAt(sb: XfsSuperblock, records: Buffer, at: number, end: number): Mapping {
  const words = [0, 4, 8, 12].map((byte) => records.readUInt32BE(at + byte));
  const fileBlock = (words[0] & 0x7fffffff) * 2 ** 23 + (words[1] >>> 9);
  const address = (words[1] & 0x1ff) * 2 ** 43 + words[2] * 2 ** 11 + (words[3] >>> 21);
  const count = checkRange('br_blockcount', words[3] & 0x1fffff, 1, 0x1fffff);
  checkRange('br_startoff', fileBlock, end, Math.floor(Number.MAX_SAFE_INTEGER / sb.blockBytes) - count);
  const startBytes = blockOffset(sb, 'br_startblock', address, count);
  return { fileBlock, count, startBytes, isUnwritten: words[0] >>> 31 === 1 };
}
