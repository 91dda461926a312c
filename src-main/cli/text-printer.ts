import { basename } from 'node:path';
import {
  CHECK_CODES,
  jobShare,
  partShare,
  steady,
  type JobPart,
  type JobView,
} from '../../src-engine/contract/index.ts';
import { errorText, waitsLine } from './job-lines.ts';
import { printable } from './printable.ts';
import type { Printer } from './printer.port.ts';
import type { Answer } from './answers.ts';
import { answerLines } from './text-reports.ts';
import type { Words } from './words.ts';

const BAR_CELLS = 24;

interface Screen {
  out(text: string): void;
  err(text: string): void;
  /** whether `err` is a terminal, where a line can be written over */
  readonly isTerminal: boolean;
  readonly columns: number;
}

/** Results on standard output, progress and errors on standard error. Whatever a line is made of, it is one line of text. */
export function textPrinter(words: Words, screen: Screen): Printer {
  /** what was last said of the job that is followed, or of each of its parts */
  const lastSaid = new Map<string, string>();
  let hasBar = false;
  let shown: JobView | undefined;

  const clearBar = () => {
    if (hasBar) screen.err('\r\x1b[K');
    hasBar = false;
  };

  const result = (answer: Answer) => {
    clearBar();
    for (const line of answerLines(words, answer)) screen.out(`${printable(line)}\n`);
  };

  return {
    progress(told) {
      // as pages show it: it never falls behind what was said
      const job = steady(shown?.id === told.id ? shown : undefined, told);
      shown = job;
      const rows: readonly Row[] = job.parts.length > 1 && !job.waitsFor ? job.parts : [job];
      if (screen.isTerminal) {
        const { parts } = job;
        const bar =
          rows.length > 1 ? parts.map((part) => shortLine(words, job.kind, part)).join('  ') : barLine(words, job);
        if (bar === '') return;
        screen.err(`\r\x1b[K${bar.slice(0, screen.columns - 1)}`);
        hasBar = true;
        return;
      }
      for (const { path, progress } of rows) {
        const line = progress ? words.t(`phase.${progress.phase}`) : rows.length > 1 ? '' : waitsLine(words, job);
        if (line === '' || line === lastSaid.get(path)) continue;
        screen.err(`${rows.length > 1 ? words.said(printable(path), line) : line}\n`);
        lastSaid.set(path, line);
      }
    },
    event(answer) {
      clearBar();
      // the error of a job that has ended is told by itself, last
      const told = answer.kind === 'job' ? { ...answer, value: { ...answer.value, error: null } } : answer;
      for (const line of answerLines(words, told)) screen.err(`${printable(line)}\n`);
    },
    finding: result,
    result,
    error(error) {
      clearBar();
      screen.err(`${errorText(words, error)}\n`);
      const { check } = error.data;
      // which check it is has words of its own; a rule has told them already
      if (CHECK_CODES.some((code) => code === check))
        screen.err(`${printable(words.t(`check.${String(check)}`, error.data))}\n`);
      for (const part of ['state', 'todo'])
        screen.err(`${printable(words.t(`error.${error.code}.${part}`, error.data))}\n`);
      if (error.data.canBeRaw === true) screen.err(`${words.t('cli.can-be-raw')}\n`);
      if (error.data.canFill === true) screen.err(`${words.t('cli.can-fill')}\n`);
      if (typeof error.data.command === 'string')
        screen.err(`${printable(words.said(words.t('cli.as-root'), error.data.command))}\n`);
      screen.err(`${error.code}\n`);
      if (error.code === 'INTERNAL') screen.err(`${error.hint.split('\n').map(printable).join('\n')}\n`);
    },
  };
}

/** A job, or a part of one. */
type Row = Pick<JobView, 'path' | 'progress'>;

/** Of one of several that run at once. */
function shortLine(words: Words, kind: JobView['kind'], part: JobPart): string {
  const { path, outcome, progress } = part;
  const name = basename(path);
  if (outcome) return `${name} ${words.t(`outcome.${outcome}`)}`;
  const share = partShare(kind, part);
  if (!progress || share === null) return `${name} …`;
  return `${name} ${words.percent(share)}  ${words.rate(progress.bytesPerSecond)}`;
}

function barLine(words: Words, job: JobView): string {
  if (!job.progress) return waitsLine(words, job);
  const { phase, doneBytes, totalBytes, bytesPerSecond, etaMs, slowest } = job.progress;
  const name = words.t(`phase.${phase}`);
  const share = jobShare(job);
  if (share === null) return name;
  const cells = Math.floor(share * BAR_CELLS);
  const isMeasured = totalBytes > 0;
  return [
    name,
    '█'.repeat(cells) + '░'.repeat(BAR_CELLS - cells),
    words.percent(share),
    isMeasured ? words.t('cli.of', { done: words.bytes(doneBytes), total: words.bytes(totalBytes) }) : '',
    isMeasured ? words.rate(bytesPerSecond) : '',
    etaMs === null ? '' : words.t('cli.left', { time: words.duration(etaMs) }),
    slowest === null ? '' : words.t(`cli.slowest.${slowest}`),
  ]
    .filter((part) => part !== '')
    .join('  ');
}
