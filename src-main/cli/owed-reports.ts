/** What is owed as text. */
import type { PledgeView } from '../../src-engine/contract/index.ts';
import { errorText } from './job-lines.ts';
import { printable } from './printable.ts';
import type { Words } from './words.ts';

export function owedLines(words: Words, owed: readonly PledgeView[]): string[] {
  const { t, date } = words;
  if (owed.length === 0) return [t('cli.nothing-owed')];
  return owed.flatMap(({ id, kind, place, createdAt, error }) => [
    printable(`${id}  ${date(createdAt)}  ${t(`pledge.${kind}`, { place })}`),
    `  ${error ? errorText(words, error) : t('cli.owed-tried')}`,
  ]);
}
