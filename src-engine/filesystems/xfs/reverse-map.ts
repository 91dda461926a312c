/** The tree of owners of a group (rmapbt), sorted by block: "XFS Algorithms & Data Structures", "Reverse-Mapping B+tree". */
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import { agBlockCount } from './addresses.ts';
import type { GroupTree } from './group-header.ts';
import { leaves, type Group } from './group-tree.ts';

const RECORD_BYTES = 24;
/** Above it, flags. */
const OFFSET_MASK = 2n ** 54n - 1n;

/** Blocks of a group that have an owner, asked for in ascending order. Shared ones have several. */
export class OwnedBlocks {
  readonly #records: AsyncGenerator<{ first: number; end: number }>;
  /** the record that was read last and not yet asked for */
  #next: { first: number; end: number } | null = null;
  /** where all that was read so far ends */
  #end = 0;

  constructor(group: Group, tree: GroupTree) {
    this.#records = records(group, tree);
  }

  /** @throws EngineError `FORMAT_INVALID` where a block of the run has an owner; `READ_FAILED` */
  async checkApart(first: number, count: number): Promise<void> {
    while (true) {
      this.#next ??= (await this.#records.next()).value ?? null;
      if (!this.#next || this.#next.first >= first + count) break;
      this.#end = Math.max(this.#end, this.#next.end);
      this.#next = null;
    }
    if (this.#end <= first) return;
    throw new EngineError('FORMAT_INVALID', { field: 'rm_startblock', value: 'an owner of free blocks', block: first });
  }
}

/** Keys ascend through the whole tree, so that the walk ends, whatever points where. */
async function* records(group: Group, tree: GroupTree): AsyncGenerator<{ first: number; end: number }> {
  const limit = agBlockCount(group.sb, group.ag);
  let before: Key | null = null;
  for await (const leaf of leaves(group, 'rmapbt', tree)) {
    checkRange('bb_numrecs', leaf.length / RECORD_BYTES, tree.levels > 1 ? 1 : 0, leaf.length);
    for (let at = 0; at < leaf.length; at += RECORD_BYTES) {
      const first = checkRange('rm_startblock', leaf.readUInt32BE(at), 0, limit - 1);
      const count = checkRange('rm_blockcount', leaf.readUInt32BE(at + 4), 1, limit - first);
      const key = { first, owner: leaf.readBigUInt64BE(at + 8), offset: leaf.readBigUInt64BE(at + 16) & OFFSET_MASK };
      if (before && !isBefore(before, key)) {
        throw new EngineError('FORMAT_INVALID', { field: 'rm_startblock', value: 'not in order', block: first });
      }
      before = key;
      yield { first, end: first + count };
    }
  }
}

interface Key {
  readonly first: number;
  readonly owner: bigint;
  readonly offset: bigint;
}

function isBefore(a: Key, b: Key): boolean {
  if (a.first !== b.first) return a.first < b.first;
  return a.owner === b.owner ? a.offset < b.offset : a.owner < b.owner;
}
