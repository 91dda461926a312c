import type { JobView } from '../../src-engine/contract/index.ts';
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
  let lastPhase = '';
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
      const { progress } = job;
      if (!progress) return;
      if (screen.isTerminal) {
        screen.err(`\r\x1b[K${barLine(words, job).slice(0, screen.columns - 1)}`);
        hasBar = true;
      } else if (progress.phase !== lastPhase) {
        screen.err(`${words.t(`phase.${progress.phase}`)}\n`);
      }
      lastPhase = progress.phase;
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

function barLine(words: Words, job: JobView): string {
  const { phase, doneBytes, totalBytes, bytesPerSecond, etaMs, slowest } = job.progress!;
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
