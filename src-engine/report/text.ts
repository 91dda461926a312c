/** A report as plain text: lines that can be read in a terminal and kept in a ticket. */
import type { Content, Field } from './content.ts';

export function textOf({ title, about, verdict, sections }: Content): string {
  const fields = (all: readonly Field[], indent: string) =>
    all.map(({ name, text }) => `${indent}${name === '' ? '' : `${name}: `}${text}`);
  const lines = [title, '', ...fields(about, ''), '', verdict.text, verdict.counts];
  for (const section of sections) {
    lines.push('', section.title, '-'.repeat(Math.min(72, section.title.length)));
    for (const { heading, fields: own } of section.lines) lines.push(heading, ...fields(own, '  '));
  }
  return `${lines.join('\n')}\n`;
}
