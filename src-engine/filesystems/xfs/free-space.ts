/**
 * The two trees of an allocation group's free space, sorted by block number (bnobt) and by length (cntbt): "XFS Algorithms & Data
 * Structures", "AG Free Space B+trees".
 */
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { agBlockCount } from './addresses.ts';
import { headerBlocks, type GroupHeader } from './group-header.ts';
import { leaves, type Group } from './group-tree.ts';
import { OwnedBlocks } from './owned-blocks.ts';
import { ownedRuns } from './reverse-map.ts';
import { sharedRuns } from './shared-blocks.ts';
import type { XfsSuperblock } from './superblock.ts';

const RECORD_BYTES = 8;

/** Blocks of a group that are free. */
export interface FreeRun {
  readonly first: number;
  readonly count: number;
}

/**
 * Free runs of a group, ascending, disjoint, inside it and behind its headers; a batch for each leaf of the tree. Blocks of the
 * free list (AGFL) are not among them: they wait for the trees to grow. Both trees and the header must tell the same, and no run
 * may have an owner in the tree of owners, or be shared by the tree of shared blocks, where there are such trees.
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
  const group = { volume, sb, ag, signal };
  const byLength = await runsByLength(group, header);
  const inUse = new InUse([...header.known, ...known, ...byLength.blocks]);
  const { levels } = header.byBlock;
  const owned = owners(group, header);
  const limit = agBlockCount(sb, ag);
  let end = headerBlocks(sb);
  const found = new Sums();
  for await (const leaf of leaves(group, 'bnobt', header.byBlock)) {
    // Every leaf brings the walk forward, so that it ends, whatever points where; only a lone one may be empty.
    checkRange('bb_numrecs', leaf.length / RECORD_BYTES, levels > 1 ? 1 : 0, limit);
    const runs: FreeRun[] = [];
    for (let at = 0; at < leaf.length; at += RECORD_BYTES) {
      const first = checkRange('ar_startblock', leaf.readUInt32BE(at), end, limit);
      const count = checkRange('ar_blockcount', leaf.readUInt32BE(at + 4), 1, limit - first);
      inUse.checkApart(first, count);
      for (const blocks of owned) await blocks.checkApart(first, count);
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

/** What else says that blocks are in use: a tree of owners, and one of shared blocks, where there are such trees. */
function owners(group: Group, { reverseMap, shared }: GroupHeader): OwnedBlocks[] {
  const inUse: OwnedBlocks[] = [];
  if (reverseMap) inUse.push(new OwnedBlocks(ownedRuns(group, reverseMap), 'rm_startblock'));
  if (!shared) return inUse;
  for (const areForCopies of [false, true]) {
    inUse.push(new OwnedBlocks(sharedRuns(group, shared, areForCopies), 'rc_startblock'));
  }
  return inUse;
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

/** Reads the tree that is sorted by length, which lengthens from leaf to leaf. */
async function runsByLength(group: Group, { byLength }: GroupHeader): Promise<{ sums: Sums; blocks: number[] }> {
  const limit = agBlockCount(group.sb, group.ag);
  const sums = new Sums();
  const blocks: number[] = [];
  let before = { first: 0, count: 0 };
  for await (const leaf of leaves(group, 'cntbt', byLength, blocks)) {
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
