/** The tree of an allocation group's free space, sorted by block number (bnobt): "XFS Algorithms & Data Structures", "AG Free Space B+trees". */
import { checkRange, checkSpan } from '../../core/bounds.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import { agBlockCount, agBlockOffset } from './addresses.ts';
import { checkBlock } from './checksum.ts';
import { headerBlocks, readGroupHeader } from './group-header.ts';
import type { XfsSuperblock } from './superblock.ts';

const MAGIC_V4 = 0x41425442;
const MAGIC_V5 = 0x41423342;
const PLACES = { addressAt: 16, uuidAt: 32, ownerAt: 48, ownerBytes: 4, crcAt: 52 } as const;

const RECORD_BYTES = 8;
const POINTER_BYTES = 4;

/** Children that are read at once: enough for a disk to sort them. */
const READS_AT_ONCE = 32;

/** Blocks of a group that are free. */
export interface FreeRun {
  readonly first: number;
  readonly count: number;
}

/**
 * Free runs of a group, ascending, disjoint, inside it and behind its headers; a batch for each leaf of the tree. Blocks of the
 * free list (AGFL) are not among them: they wait for the trees to grow.
 * @throws EngineError `FORMAT_INVALID` where the tree cannot be believed
 */
export async function* freeRuns(
  volume: BlockSource,
  sb: XfsSuperblock,
  ag: number,
  signal: AbortSignal,
): AsyncGenerator<FreeRun[]> {
  const { root, levels, freeBlocks } = await readGroupHeader(volume, sb, ag);
  const limit = agBlockCount(sb, ag);
  let end = headerBlocks(sb);
  let free = 0;
  for await (const leaf of leaves(volume, sb, ag, [root], levels, signal)) {
    // Every leaf brings the walk forward, so that it ends, whatever points where; only a lone one may be empty.
    checkRange('bb_numrecs', leaf.length / RECORD_BYTES, levels > 1 ? 1 : 0, limit);
    const runs: FreeRun[] = [];
    for (let at = 0; at < leaf.length; at += RECORD_BYTES) {
      const first = checkRange('ar_startblock', leaf.readUInt32BE(at), end, limit);
      const count = checkRange('ar_blockcount', leaf.readUInt32BE(at + 4), 1, limit - first);
      runs.push({ first, count });
      end = first + count;
      free += count;
    }
    yield runs;
  }
  checkRange('agf_freeblks', freeBlocks, free, free);
}

/** Records of the leaves, in order. There are no cycles: the level of a block is one below that of its parent. */
async function* leaves(
  volume: BlockSource,
  sb: XfsSuperblock,
  ag: number,
  blocks: number[],
  levels: number,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  for (let at = 0; at < blocks.length; at += READS_AT_ONCE) {
    signal.throwIfAborted();
    const some = blocks.slice(at, at + READS_AT_ONCE);
    for (const bytes of await Promise.all(some.map((block) => readTreeBlock(volume, sb, ag, block)))) {
      const entries = entriesOf(sb, bytes, levels);
      if (levels === 1) yield entries;
      else yield* leaves(volume, sb, ag, pointers(entries), levels - 1, signal);
    }
  }
}

async function readTreeBlock(volume: BlockSource, sb: XfsSuperblock, ag: number, block: number): Promise<Buffer> {
  checkSpan('bnobt block', block, 1, agBlockCount(sb, ag));
  const offsetBytes = agBlockOffset(sb, ag, block);
  const bytes = await readBytes(volume, offsetBytes, sb.blockBytes);
  const magic = sb.features.hasChecksums ? MAGIC_V5 : MAGIC_V4;
  checkRange('bb_magic', bytes.readUInt32BE(0), magic, magic);
  checkBlock(sb, bytes, 'bnobt', PLACES, offsetBytes, ag);
  return bytes;
}

/** @returns the records of a leaf, the pointers of a node */
function entriesOf(sb: XfsSuperblock, bytes: Buffer, levels: number): Buffer {
  const headerBytes = sb.features.hasChecksums ? 56 : 16;
  const room = sb.blockBytes - headerBytes;
  checkRange('bb_level', bytes.readUInt16BE(4), levels - 1, levels - 1);
  const count = bytes.readUInt16BE(6);
  if (levels === 1) {
    checkRange('bb_numrecs', count, 0, Math.floor(room / RECORD_BYTES));
    return bytes.subarray(headerBytes, headerBytes + count * RECORD_BYTES);
  }
  // Keys come first, with room for as many as fit; pointers after them.
  const capacity = Math.floor(room / (RECORD_BYTES + POINTER_BYTES));
  checkRange('bb_numrecs', count, 1, capacity);
  const start = headerBytes + capacity * RECORD_BYTES;
  return bytes.subarray(start, start + count * POINTER_BYTES);
}

function pointers(entries: Buffer): number[] {
  const blocks: number[] = [];
  for (let at = 0; at < entries.length; at += POINTER_BYTES) blocks.push(entries.readUInt32BE(at));
  return blocks;
}
