/**
 * The two trees of an allocation group's free space, sorted by block number (bnobt) and by length (cntbt): "XFS Algorithms & Data
 * Structures", "AG Free Space B+trees".
 */
import { checkRange, checkSpan } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import { agBlockCount, agBlockOffset } from './addresses.ts';
import { checkBlock } from './checksum.ts';
import { headerBlocks, type GroupHeader } from './group-header.ts';
import type { XfsSuperblock } from './superblock.ts';

const MAGICS = {
  bnobt: { v4: 0x41425442, v5: 0x41423342 },
  cntbt: { v4: 0x41425443, v5: 0x41423343 },
} as const;
type TreeName = keyof typeof MAGICS;
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
 * free list (AGFL) are not among them: they wait for the trees to grow. Both trees and the header must tell the same.
 * @param header of the group
 * @param known blocks of the group that are in use for certain, beside those that the header names
 * @throws EngineError `FORMAT_INVALID` where the trees cannot be believed
 */
export async function* freeRuns(
  volume: BlockSource,
  sb: XfsSuperblock,
  ag: number,
  header: GroupHeader,
  known: readonly number[],
  signal: AbortSignal,
): AsyncGenerator<FreeRun[]> {
  const tree = { volume, sb, ag, signal };
  const byLength = await runsByLength(tree, header);
  const inUse = new InUse([...header.known, ...known, ...byLength.blocks]);
  const { root, levels } = header.byBlock;
  const limit = agBlockCount(sb, ag);
  let end = headerBlocks(sb);
  const found = new Sums();
  for await (const leaf of leaves(tree, 'bnobt', [root], levels)) {
    // Every leaf brings the walk forward, so that it ends, whatever points where; only a lone one may be empty.
    checkRange('bb_numrecs', leaf.length / RECORD_BYTES, levels > 1 ? 1 : 0, limit);
    const runs: FreeRun[] = [];
    for (let at = 0; at < leaf.length; at += RECORD_BYTES) {
      const first = checkRange('ar_startblock', leaf.readUInt32BE(at), end, limit);
      const count = checkRange('ar_blockcount', leaf.readUInt32BE(at + 4), 1, limit - first);
      inUse.checkApart(first, count);
      runs.push({ first, count });
      end = first + count;
      found.add(first, count);
    }
    yield runs;
  }
  checkRange('agf_freeblks', header.freeBlocks, found.blocks, found.blocks);
  checkRange('agf_longest', header.longest, found.longest, found.longest);
  byLength.sums.checkEqual(found);
}

/** What a tree of free space comes to, in whatever order its runs are. */
class Sums {
  runs = 0;
  blocks = 0;
  longest = 0;
  #starts = 0;
  #mixed = 0;

  add(first: number, count: number): void {
    this.runs++;
    this.blocks += count;
    this.longest = Math.max(this.longest, count);
    this.#starts += first;
    this.#mixed = (this.#mixed + Math.imul(first, 2 * count + 1)) | 0;
  }

  /** @throws EngineError `FORMAT_INVALID` */
  checkEqual(other: Sums): void {
    const isEqual =
      this.runs === other.runs &&
      this.blocks === other.blocks &&
      this.#starts === other.#starts &&
      this.#mixed === other.#mixed;
    if (isEqual) return;
    throw new EngineError('FORMAT_INVALID', { field: 'cntbt', value: 'other runs than bnobt', runs: this.runs });
  }
}

/** Blocks that no free run may hold, asked for in ascending order. */
class InUse {
  readonly #blocks: number[];
  #next = 0;

  constructor(blocks: number[]) {
    this.#blocks = blocks.sort((a, b) => a - b);
  }

  /** @throws EngineError `FORMAT_INVALID` where the run holds one of them */
  checkApart(first: number, count: number): void {
    while (this.#next < this.#blocks.length && this.#blocks[this.#next] < first) this.#next++;
    const block = this.#blocks[this.#next];
    if (block === undefined || block >= first + count) return;
    throw new EngineError('FORMAT_INVALID', { field: 'ar_startblock', value: String(first), inUse: block });
  }
}

/** A group, and a way to be told to stop. */
interface Tree {
  readonly volume: BlockSource;
  readonly sb: XfsSuperblock;
  readonly ag: number;
  readonly signal: AbortSignal;
}

/** Reads the tree that is sorted by length, which lengthens from leaf to leaf. */
async function runsByLength(tree: Tree, { byLength }: GroupHeader): Promise<{ sums: Sums; blocks: number[] }> {
  const limit = agBlockCount(tree.sb, tree.ag);
  const sums = new Sums();
  const blocks: number[] = [];
  let before = { first: 0, count: 0 };
  for await (const leaf of leaves(tree, 'cntbt', [byLength.root], byLength.levels, blocks)) {
    checkRange('bb_numrecs', leaf.length / RECORD_BYTES, byLength.levels > 1 ? 1 : 0, limit);
    for (let at = 0; at < leaf.length; at += RECORD_BYTES) {
      const first = checkRange('ar_startblock', leaf.readUInt32BE(at), 0, limit - 1);
      const count = checkRange('ar_blockcount', leaf.readUInt32BE(at + 4), before.count, limit - first);
      // the same run again would go on for ever
      if (count === before.count) checkRange('ar_startblock', first, before.first + 1, limit - 1);
      before = { first, count };
      sums.add(first, count);
    }
  }
  return { sums, blocks };
}

/** Records of the leaves, in order. There are no cycles: the level of a block is one below that of its parent. */
async function* leaves(
  tree: Tree,
  name: TreeName,
  blocks: number[],
  levels: number,
  seen: number[] = [],
): AsyncGenerator<Buffer> {
  for (let at = 0; at < blocks.length; at += READS_AT_ONCE) {
    tree.signal.throwIfAborted();
    const some = blocks.slice(at, at + READS_AT_ONCE);
    for (const block of some) seen.push(block);
    for (const bytes of await Promise.all(some.map((block) => readTreeBlock(tree, name, block)))) {
      const entries = entriesOf(tree.sb, bytes, levels);
      if (levels === 1) yield entries;
      else yield* leaves(tree, name, pointers(entries), levels - 1, seen);
    }
  }
}

async function readTreeBlock({ volume, sb, ag }: Tree, name: TreeName, block: number): Promise<Buffer> {
  checkSpan(`${name} block`, block, 1, agBlockCount(sb, ag));
  const offsetBytes = agBlockOffset(sb, ag, block);
  const bytes = await readBytes(volume, offsetBytes, sb.blockBytes);
  const magic = MAGICS[name][sb.features.hasChecksums ? 'v5' : 'v4'];
  checkRange('bb_magic', bytes.readUInt32BE(0), magic, magic);
  checkBlock(sb, bytes, name, PLACES, offsetBytes, ag);
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
