import { basename } from 'node:path';
import type { JobView } from '../../src-engine/contract/index.ts';
import { waitsLine } from './job-lines.ts';
import { printable } from './printable.ts';
import type { Printer } from './printer.port.ts';
import type { Report } from './reports.ts';
import { reportLines } from './text-reports.ts';
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
  /** what was last said of each job that is followed */
  const lastSaid = new Map<string, string>();
  /** of a terminal: those that wait or run */
  const live = new Map<string, JobView>();
  let hasBar = false;

  const clearBar = () => {
    if (hasBar) screen.err('\r\x1b[K');
    hasBar = false;
  };

  const result = (report: Report) => {
    clearBar();
    for (const line of reportLines(words, report)) screen.out(`${printable(line)}\n`);
  };

  return {
    progress(job) {
      live.set(job.id, job);
      const areSeveral = live.size > 1 || lastSaid.size > 1;
      if (job.state === 'ended') live.delete(job.id);
      const line = job.progress ? words.t(`phase.${job.progress.phase}`) : waitsLine(words, job);
      if (line === '') return;
      if (screen.isTerminal) {
        const shown = [...live.values()];
        const bar = shown.length > 1 ? shown.map((one) => shortLine(words, one)).join('  ') : barLine(words, job);
        screen.err(`\r\x1b[K${bar.slice(0, screen.columns - 1)}`);
        hasBar = true;
      } else if (line !== lastSaid.get(job.id)) {
        screen.err(areSeveral ? `${printable(job.path)}: ${line}\n` : `${line}\n`);
      }
      lastSaid.set(job.id, line);
    },
    event(report) {
      clearBar();
      for (const line of reportLines(words, report)) screen.err(`${printable(line)}\n`);
    },
    finding: result,
    result,
    error(error) {
      clearBar();
      for (const part of ['what', 'state', 'todo'])
        screen.err(`${printable(words.t(`error.${error.code}.${part}`, error.data))}\n`);
      if (error.data.canFill === true) screen.err(`${words.t('cli.can-fill')}\n`);
      screen.err(`${error.code}\n`);
      if (error.code === 'INTERNAL') screen.err(`${error.hint.split('\n').map(printable).join('\n')}\n`);
    },
  };
}

/** Of one of several that run at once. */
function shortLine(words: Words, job: JobView): string {
  const { progress } = job;
  if (!progress || progress.totalBytes === 0) return `${basename(job.path)} …`;
  return `${basename(job.path)} ${Math.floor((100 * progress.doneBytes) / progress.totalBytes)} %  ${words.rate(progress.bytesPerSecond)}`;
}

function barLine(words: Words, job: JobView): string {
  if (!job.progress) return waitsLine(words, job);
  const { phase, doneBytes, totalBytes, bytesPerSecond, etaMs, slowest } = job.progress;
  const name = words.t(`phase.${phase}`);
  if (totalBytes === 0) return name;
  const cells = Math.floor((doneBytes / totalBytes) * BAR_CELLS);
  return [
    name,
    '█'.repeat(cells) + '░'.repeat(BAR_CELLS - cells),
    words.t('cli.of', { done: words.bytes(doneBytes), total: words.bytes(totalBytes) }),
    words.rate(bytesPerSecond),
    etaMs === null ? '' : words.t('cli.left', { time: words.duration(etaMs) }),
    slowest === null ? '' : words.t(`cli.slowest.${slowest}`),
  ]
    .filter((part) => part !== '')
    .join('  ');
}
