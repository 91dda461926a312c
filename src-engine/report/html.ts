/** A report as one HTML file: no script, nothing fetched, for screen and paper, well-formed as XML too. */
import type { Content, Field, Section } from './content.ts';
import { visible, type ReportLanguage } from './words.ts';

const STYLE = `
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #ffffff; --soft: #57606a; --line: #d0d7de; --block: #b3261e; --warn: #855300; --unknown: #57606a; --pass: #1a6b36; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --paper: #14181d; --soft: #9da7b1; --line: #3b434c; --block: #ff8a80; --warn: #f0b849; --unknown: #9da7b1; --pass: #6fd08c; } }
@media print { :root { color-scheme: light; --ink: #000000; --paper: #ffffff; --soft: #444444; --line: #bbbbbb; --block: #b3261e; --warn: #855300; --unknown: #444444; --pass: #1a6b36; } }
body { margin: 0 auto; padding: 2rem 1rem; max-width: 50rem; background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; margin: 0 0 1rem; }
h2 { font-size: 1.15rem; margin: 2rem 0 0.5rem; }
h3 { font-size: 1rem; margin: 0; }
dl { display: grid; grid-template-columns: minmax(6rem, max-content) 1fr; gap: 0.15rem 1rem; margin: 0.25rem 0; }
dt { color: var(--soft); }
dd { margin: 0; }
.verdict { border: 1px solid var(--line); border-left-width: 0.4rem; padding: 0.5rem 1rem; margin: 1rem 0; }
.verdict p { margin: 0; }
.verdict strong { font-size: 1.15rem; }
article { border-top: 1px solid var(--line); padding: 0.6rem 0; break-inside: avoid; }
.note { margin: 0.25rem 0; }
.block h2, .block strong { color: var(--block); } .verdict.block { border-left-color: var(--block); }
.warn h2, .warn strong { color: var(--warn); } .verdict.warn { border-left-color: var(--warn); }
.unknown h2 { color: var(--unknown); }
.pass h2, .pass strong { color: var(--pass); } .verdict.pass { border-left-color: var(--pass); }
`;

/** @returns the text of the file; every text of the content is escaped */
export function htmlOf(content: Content, language: ReportLanguage): string {
  const { title, about, verdict, others, sections } = content;
  return `<!DOCTYPE html>
<html lang="${language}" xmlns="http://www.w3.org/1999/xhtml">
<head>
<meta charset="utf-8"/>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<title>${escaped(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escaped(title)}</h1>
${listOf(about)}
<div class="verdict ${verdict.level}">
<p><strong>${escaped(verdict.text)}</strong></p>
<p>${escaped(verdict.counts)}</p>
</div>
${others ? othersOf(others) : ''}
${sections.map(sectionOf).join('\n')}
</main>
</body>
</html>
`;
}

function othersOf({ title, names }: NonNullable<Content['others']>): string {
  const items = names.map((name) => `<li>${escaped(name)}</li>`).join('');
  return `<section>
<h2>${escaped(title)}</h2>
${items === '' ? '' : `<ul>${items}</ul>`}
</section>`;
}

function sectionOf({ id, title, lines }: Section): string {
  const articles = lines.map(
    (line) => `<article>
<h3>${escaped(line.heading)}</h3>
${listOf(line.fields.filter(({ name }) => name !== ''))}
${line.fields
  .filter(({ name }) => name === '')
  .map(({ text }) => `<p class="note">${escaped(text)}</p>`)
  .join('')}
</article>`,
  );
  return `<section class="${id}">
<h2>${escaped(title)}</h2>
${articles.join('\n')}
</section>`;
}

function listOf(fields: readonly Field[]): string {
  const items = fields.map(({ name, text }) => `<dt>${escaped(name)}</dt><dd>${escaped(text)}</dd>`);
  return `<dl>${items.join('')}</dl>`;
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

function escaped(text: string): string {
  return visible(text).replace(/[&<>"']/g, (character) => ENTITIES[character]);
}
