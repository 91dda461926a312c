/** A report as plain text: lines that can be read in a terminal and kept in a ticket. */
import type { Content, Field } from './content.ts';
import { reportWords, type ReportLanguage } from './words.ts';

/** Of lines that went and came. */
const SIGNS: readonly string[] = ['−', '+'];

/** @param language whose typography stands between a name and what it names */
export function textOf({ title, about, verdict, sections }: Content, language: ReportLanguage): string {
  const { t } = reportWords(language);
  const fields = (all: readonly Field[], indent: string) =>
    all.map(
      ({ name, text }) =>
        `${indent}${name === '' || SIGNS.includes(name) ? `${name} `.trimStart() + text : t('report.said', { fact: name, value: text })}`,
    );
  const lines = [title, '', ...fields(about, ''), '', verdict.text, verdict.counts];
  for (const section of sections) {
    lines.push('', section.title, '-'.repeat(Math.min(72, section.title.length)));
    for (const { heading, fields: own } of section.lines) lines.push(heading, ...fields(own, '  '));
  }
  return `${lines.join('\n')}\n`;
}
