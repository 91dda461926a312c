/** What changed between two versions, as a person asks for it. Pure. */
import type { Change, Comparison } from '../../../src-engine/contract/index.ts';

export const CHANGES = ['added', 'changed', 'removed'] as const;
export type ChangeKind = Change['change'];

/**
 * @param kind '' for all
 * @param text every word of it must be in the path; case does not matter
 */
export function changesLike(changes: readonly Change[], kind: ChangeKind | '', text: string): Change[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return changes.filter(({ change, path }) => {
    if (kind && change !== kind) return false;
    const plain = path.toLowerCase();
    return words.every((word) => plain.includes(word));
  });
}

/** Whether two versions hold the same files, as far as they were compared. */
export const isEqual = ({ added, changed, removed }: Comparison): boolean =>
  added.files + changed.files + removed.files === 0;
