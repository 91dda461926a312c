/** Whether a target is read before it is written: it may hold most of a template already. */
import type { JobRepository } from '../../catalog/job-repository.ts';
import type { CheckedParams } from '../../contract/commands.ts';
import { isNothingRecognised, type DiskView, type PlaceView } from '../../contract/disk.contract.ts';
import type { Check } from '../../contract/warnings.ts';
import { contentByType } from '../../inspection/typed-volumes.ts';
import { unfinishedDeploy } from './unfinished-deploy.ts';

/**
 * A file is written beside the one that it replaces, so nothing is there to be kept. If it turns out that a disk holds little of the template
 * after all, a deploy stops reading first by itself: a wrong guess costs a few hundred megabytes read.
 * @param before what the target holds now, where it is known
 * @param after what it will hold
 * @returns a check that says so; none: it is not read first
 */
export function readsFirst(
  jobs: JobRepository,
  { delta, resume }: Pick<CheckedParams<'deploy.plan'>, 'delta' | 'resume'>,
  templateName: string,
  { kind, path }: PlaceView,
  before: DiskView | null,
  after: DiskView,
): Check[] {
  if (kind === 'file') return [];
  const reason = resume
    ? 'asked'
    : delta === 'off'
      ? null
      : before && isLaidOutAlike(before, after)
        ? 'layout'
        : unfinishedDeploy(jobs, templateName, path)
          ? 'interrupted'
          : null;
  return reason === null
    ? []
    : [{ code: 'TARGET_READ_FIRST', level: 'pass', data: { path, reason, found: foundOn(before) } }];
}

/** What a person knows a disk by: its table, and what its volumes hold. */
const foundOn = (before: DiskView | null): string[] =>
  before === null || isNothingRecognised(before)
    ? []
    : before.volumes.map(({ fileSystem, recognised, recognisedLabel, name }) =>
        [fileSystem?.kind ?? recognised ?? '?', fileSystem?.label || recognisedLabel || name].filter(Boolean).join(' '),
      );

/** Most of the partitions begin where the template's do, with file systems of the same kinds. */
function isLaidOutAlike(before: DiskView, after: DiskView): boolean {
  const placeOf = ({ startBytes, typeId, fileSystem, recognised }: DiskView['volumes'][number]) =>
    `${startBytes} ${fileSystem?.kind ?? contentByType(typeId) ?? recognised}`;
  const there = new Set(before.volumes.map(placeOf));
  const same = after.volumes.filter((volume) => there.has(placeOf(volume)));
  return before.table === after.table && same.length > after.volumes.length / 2;
}
