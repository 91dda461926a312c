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
  return action.startsWith('pledge.') && kind ? words.t(`pledge.${kind}`, { place: subject }) : factsText(words, entry);
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

/** Those that words are there for, as the pages say them; the others are for programs. */
function factsText(words: Words, { action, data }: LogEntry): string {
  if (action === 'template.edited' && Array.isArray(data.fields)) return editsText(words, data);
  return Object.entries(data)
    .filter(([key, value]) => words.shared(`logFact.${key}`, '') !== '' && !isNothing(value))
    .map(([key, value]) => words.t(`logFact.${key}`, { value: factText(words, key, value) }))
    .join(', ');
}

const isNothing = (value: Fact) =>
  value === null || value === '' || value === false || (Array.isArray(value) && value.length === 0);

type Fact = LogEntry['data'][string];

function factText(words: Words, key: string, value: Fact): string {
  if (typeof value === 'number' && key.endsWith('Bytes')) return words.bytes(value);
  if (key !== 'format') return Array.isArray(value) ? value.join(', ') : String(value);
  return words.shared(`imageFormat.${String(value)}`, String(value));
}

/** Each field that was edited, what it was and what it is. */
function editsText(words: Words, data: LogEntry['data']): string {
  const list = (value: Fact | undefined) => (Array.isArray(value) ? value : []);
  const [fields, before, after] = [data.fields, data.before, data.after].map(list);
  const valueOf = (field: string, value = '') =>
    value === '' ? words.t('template.nothing') : words.shared(`${field}.${value}`, value);
  return fields
    .map((field, i) => {
      const name = words.shared(`template.${field}`, field);
      return words.t('template.edited', { name, before: valueOf(field, before[i]), after: valueOf(field, after[i]) });
    })
    .join(', ');
}
