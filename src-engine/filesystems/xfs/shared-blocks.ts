/**
 * The tree of shared blocks of a group (refcntbt): those of several files, and those that are set aside for copies on write, which sort
 * behind all others by the highest bit of their number. "XFS Algorithms & Data Structures", "Reference Count B+tree".
 */
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import { agBlockCount } from './addresses.ts';
import type { GroupTree } from './group-header.ts';
import { leaves, type Group } from './group-tree.ts';
import type { Run } from './owned-blocks.ts';

const RECORD_BYTES = 12;
const FOR_COPIES = 2 ** 31;

/**
 * @param areForCopies which of its two parts
 * @returns runs, ascending and disjoint
 * @throws EngineError `FORMAT_INVALID`, `READ_FAILED`
 */
export async function* sharedRuns(group: Group, tree: GroupTree, areForCopies: boolean): AsyncGenerator<Run> {
  const limit = agBlockCount(group.sb, group.ag);
  let end = 0;
  let isBehind = false;
  for await (const leaf of leaves(group, 'refcntbt', tree)) {
    // every leaf brings the walk forward
    checkRange('bb_numrecs', leaf.length / RECORD_BYTES, tree.levels > 1 ? 1 : 0, leaf.length);
    for (let at = 0; at < leaf.length; at += RECORD_BYTES) {
      const start = leaf.readUInt32BE(at);
      if (start >= FOR_COPIES && !isBehind) end = 0;
      if (isBehind && start < FOR_COPIES) {
        throw new EngineError('FORMAT_INVALID', { field: 'rc_startblock', value: 'not in order', block: start });
      }
      isBehind = start >= FOR_COPIES;
      const first = checkRange('rc_startblock', start % FOR_COPIES, end, limit - 1);
      const count = checkRange('rc_blockcount', leaf.readUInt32BE(at + 4), 1, limit - first);
      end = first + count;
      if (isBehind === areForCopies) yield { first, end };
    }
    if (isBehind && !areForCopies) return;
  }
}
