/** The tree of owners of a group (rmapbt), sorted by block: "XFS Algorithms & Data Structures", "Reverse-Mapping B+tree". */
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import { agBlockCount } from './addresses.ts';
import type { GroupTree } from './group-header.ts';
import { leaves, type Group } from './group-tree.ts';
import type { Run } from './owned-blocks.ts';

const RECORD_BYTES = 24;
/** Above it, flags. */
const OFFSET_MASK = 2n ** 54n - 1n;

/**
 * Blocks that have an owner, by ascending first blocks; shared ones have several. Keys ascend through the whole tree, so that the walk
 * ends, whatever points where.
 * @throws EngineError `FORMAT_INVALID`, `READ_FAILED`
 */
export async function* ownedRuns(group: Group, tree: GroupTree): AsyncGenerator<Run> {
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
