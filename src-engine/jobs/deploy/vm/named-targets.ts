/** The targets of a request with machines among them: each name that counts is as many machines. */
import type { CheckedParams } from '../../../contract/commands.ts';
import { COUNTED, countedName } from '../../../contract/deploy.contract.ts';
import { isVmPlace } from '../../../contract/vm-place.ts';
import { EngineError } from '../../../core/engine-error.ts';

export type SeveralParams = CheckedParams<'deploy.planAll'>;
export type Row = NonNullable<SeveralParams['each']>[number];

export interface NamedTarget {
  readonly target: string;
  readonly isVm: boolean;
  /** of a table, or of a page */
  readonly row: Row | null;
}

/** More than a host has room for. */
const MAX_TARGETS = 64;

/**
 * 'libvirt:lab-{n:02}' and a count of 3 are lab-01 to lab-03. A file's name means what it is.
 * @throws EngineError `BAD_REQUEST` where a count has nothing to count, or rows do not go round; `TARGET_TWICE` for one machine twice
 */
export function namedTargets({
  targets,
  count,
  each,
}: Pick<SeveralParams, 'targets' | 'count' | 'each'>): NamedTarget[] {
  const counts = (target: string) => isVmPlace(target) && target.search(COUNTED) >= 0;
  if (count > 1 && !targets.some(counts))
    throw new EngineError('BAD_REQUEST', { field: 'count', reason: 'no name of a machine counts, as lab-{n:02} does' });
  const named = targets.flatMap((target) =>
    counts(target) ? Array.from({ length: count }, (_, i) => countedName(target, i + 1)) : [target],
  );
  if (named.length > MAX_TARGETS)
    throw new EngineError('BAD_REQUEST', { field: 'targets', reason: `more than ${MAX_TARGETS}` });
  if (each && each.length !== named.length)
    throw new EngineError('BAD_REQUEST', { reason: `settings for ${each.length} of ${named.length} targets` });
  const places = named.filter(isVmPlace);
  const twice = places.find((place, i) => places.indexOf(place) !== i);
  if (twice !== undefined) throw new EngineError('TARGET_TWICE', { path: twice, other: twice, target: twice });
  return named.map((target, i) => ({ target, isVm: isVmPlace(target), row: each?.[i] ?? null }));
}
