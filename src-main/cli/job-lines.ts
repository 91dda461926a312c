/** Jobs in words: what one waits for, how its parts stand, what came of it and why. */
import type { ErrorView, JobPart, JobView } from '../../src-engine/contract/index.ts';
import { saidOfDisk } from './disk-reports.ts';
import { printable } from './printable.ts';
import { table } from './text-table.ts';
import type { Words } from './words.ts';

const nameOf = (words: Words, { kind, templateName, path }: Pick<JobView, 'kind' | 'templateName' | 'path'>) =>
  [words.t(`cli.job.${kind}`), templateName || path].filter((part) => part !== '').join(' ');

/** @returns '' where it waits for nothing */
export function waitsLine(words: Words, { waitsFor }: JobView): string {
  if (!waitsFor) return '';
  const jobs = waitsFor.jobs.map((job) => nameOf(words, job)).join(', ');
  return printable(words.t(`waits.${waitsFor.claim}`, { what: waitsFor.what, jobs }));
}

/** What happened, and to which of several disks. */
export function errorText(words: Words, { code, data }: Pick<ErrorView, 'code' | 'data'>): string {
  return printable(saidOfDisk(words, data, words.t(`error.${code}.what`, data)));
}

/** One for each target or disk, where there are several. */
export function partLines(words: Words, { parts }: JobView): string[] {
  if (parts.length < 2) return [];
  return parts.map((part) => `  ${words.said(printable(part.path), partState(words, part))}`);
}

function partState(words: Words, { state, outcome, error, progress, result }: JobPart): string {
  const { t, rate } = words;
  if (result?.notProven) return `${t('cli.boot.written')} ${errorText(words, result.notProven)}`;
  if (outcome === 'failed' && error) return errorText(words, error);
  if (outcome) return t(`outcome.${outcome}`);
  if (state === 'queued' || !progress) return t(`cli.state.${state}`);
  return [t(`phase.${progress.phase}`), rate(progress.bytesPerSecond), slowestOf(t, progress.slowest)]
    .filter((part) => part !== '')
    .join('  ');
}

const slowestOf = (t: Words['t'], slowest: NonNullable<JobView['progress']>['slowest']) =>
  slowest === null ? '' : t(`cli.slowest.${slowest}`);

/** A line for each job; below it those of its targets, where there are several and not all is done. */
export function jobListLines(words: Words, jobs: readonly JobView[]): string[] {
  const { t, date } = words;
  if (jobs.length === 0) return [t('cli.no-jobs')];
  const [head, ...lines] = table(
    ['created', 'job', 'template', 'path', 'outcome', 'reason'].map((column) => t(`cli.column.${column}`)),
    jobs.map((job) => [
      date(job.createdAt),
      t(`cli.job.${job.kind}`),
      printable(job.templateName),
      printable(job.path),
      job.outcome ? t(`outcome.${job.outcome}`) : t(`cli.state.${job.state}`),
      // that somebody cancelled it, or that its process ended, is its outcome
      job.error && job.outcome === 'failed'
        ? errorText(words, job.error)
        : job.result?.notProven
          ? errorText(words, job.result.notProven)
          : waitsLine(words, job),
    ]),
  );
  return [
    head,
    ...lines.flatMap((line, i) => [line, ...(jobs[i].outcome === 'done' ? [] : partLines(words, jobs[i]))]),
  ];
}
