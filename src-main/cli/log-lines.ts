/** The audit log as text: who did what to which template or disk, when; and what came to nothing, with the reason. */
import { ERROR_CODES, PLEDGE_KINDS, type LogEntry } from '../../src-engine/contract/index.ts';
import { errorText } from './job-lines.ts';
import { table } from './text-table.ts';
import type { Words } from './words.ts';

export function logLines(words: Words, entries: readonly LogEntry[]): string[] {
  return table(
    ['created', 'user', 'action', 'subject', 'details'].map((column) => words.t(`cli.column.${column}`)),
    entries.map((entry) => [
      words.date(entry.at),
      entry.user,
      actionText(words, entry),
      entry.subject,
      detailsText(words, entry),
    ]),
  );
}

function detailsText(words: Words, entry: LogEntry): string {
  const { action, subject, data } = entry;
  if (isUndone(entry)) return undoneText(words, entry);
  const kind = PLEDGE_KINDS.find((known) => known === data.kind);
  return action.startsWith('pledge.') && kind ? words.t(`pledge.${kind}`, { place: subject }) : factsText(entry);
}

const isUndone = ({ action }: LogEntry) => action.startsWith('job.');

function actionText(words: Words, { action, data }: LogEntry): string {
  const own = words.shared(`log.${action}`, action);
  return isUndone({ action } as LogEntry)
    ? words.said(words.shared(`cli.job.${String(data.job)}`, String(data.job)), own)
    : own;
}

/** The target, and why it was not finished. */
function undoneText(words: Words, { action, data }: LogEntry): string {
  const place = String(data.place);
  const code = ERROR_CODES.find((one) => one === data.error);
  // that it was cancelled or interrupted has been said
  if (action !== 'job.failed' || code === undefined) return place;
  const reason = errorText(words, { code, data });
  return place === '' ? reason : words.said(place, reason);
}

const factsText = ({ data }: LogEntry) =>
  Object.entries(data)
    .map(([key, value]) => `${key}=${String(value)}`)
    .join(' ');
