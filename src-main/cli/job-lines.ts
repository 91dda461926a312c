/** Jobs in words: what one waits for, how its parts stand, what came of it. */
import type { JobPart, JobView } from '../../src-engine/contract/index.ts';
import { printable } from './printable.ts';
import type { Words } from './words.ts';

const nameOf = (words: Words, { kind, templateName, path }: Pick<JobView, 'kind' | 'templateName' | 'path'>) =>
  [words.t(`cli.job.${kind}`), templateName || path].filter((part) => part !== '').join(' ');

/** @returns '' where it waits for nothing */
export function waitsLine(words: Words, { waitsFor }: JobView): string {
  if (!waitsFor) return '';
  const jobs = waitsFor.jobs.map((job) => nameOf(words, job)).join(', ');
  return printable(words.t(`waits.${waitsFor.claim}`, { what: waitsFor.what, jobs }));
}

/** One for each target or disk, where there are several. */
export function partLines(words: Words, { parts }: JobView): string[] {
  if (parts.length < 2) return [];
  return parts.map((part) => printable(`  ${part.path}: ${partState(words, part)}`));
}

function partState({ t, rate }: Words, { state, outcome, error, progress }: JobPart): string {
  if (outcome === 'failed' && error) return t(`error.${error.code}.what`, error.data);
  if (outcome) return t(`outcome.${outcome}`);
  if (state === 'queued' || !progress) return t(`cli.state.${state}`);
  return [t(`phase.${progress.phase}`), rate(progress.bytesPerSecond), slowestOf(t, progress.slowest)]
    .filter((part) => part !== '')
    .join('  ');
}

const slowestOf = (t: Words['t'], slowest: NonNullable<JobView['progress']>['slowest']) =>
  slowest === null ? '' : t(`cli.slowest.${slowest}`);
