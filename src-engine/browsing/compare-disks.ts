/** What differs between two versions of several disks: disk by disk, and all of it together. */
import type { Comparison } from '../contract/files.contract.ts';
import type { VersionDiskView } from '../contract/template.contract.ts';

const MAX_CHANGES = 10_000;
const TOTALS = ['added', 'changed', 'removed', 'unchanged'] as const;

/**
 * @param comparisons of the disks that both have, by their numbers from 1
 * @param disks of the version that has more of them: of what the other has not, nothing is said
 */
export function ofAllDisks(
  comparisons: ReadonlyMap<number, Comparison>,
  disks: readonly VersionDiskView[],
): Comparison {
  const each = [...comparisons];
  const changes = each.flatMap(([disk, comparison]) => comparison.changes.map((change) => ({ ...change, disk })));
  const totals = TOTALS.map((kind) => {
    const sum = (field: 'files' | 'lengthBytes') => each.reduce((all, [, one]) => all + one[kind][field], 0);
    return [kind, { files: sum('files'), lengthBytes: sum('lengthBytes') }];
  });
  const alone = disks.flatMap(({ layout }, i) =>
    comparisons.has(i + 1) ? [] : layout.volumes.map(({ ref }) => `${i + 1}:${ref}`),
  );
  return {
    ...(Object.fromEntries(totals) as Pick<Comparison, (typeof TOTALS)[number]>),
    changes: changes.slice(0, MAX_CHANGES),
    isCut: changes.length > MAX_CHANGES || each.some(([, { isCut }]) => isCut),
    notCompared: [...each.flatMap(([disk, one]) => one.notCompared.map((ref) => `${disk}:${ref}`)), ...alone],
  };
}
