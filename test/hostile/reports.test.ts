/** Names and values from images that would be something else in what they are written into: HTML, PDF, a terminal. The same ones in every run. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DOMParser, type Element } from '@xmldom/xmldom';
import { expect, test } from 'vitest';
import { ERROR_CODES, type Report } from '../../src-engine/contract/index.ts';
import { reportDocument } from '../../src-engine/report/report-document.ts';
import { textPrinter } from '../../src-main/cli/text-printer.ts';
import { createWords } from '../../src-main/cli/words.ts';
import { sampleReport } from '../support/reports.ts';
import { randomBelow, temporaryFolder } from '../support/temporary.ts';

const folder = temporaryFolder();

const PIECES = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "' onload='x",
  '</title></style>',
  '<!--',
  ']]>',
  '<![CDATA[',
  '&lt;',
  '&#0;',
  '&x;',
  '<a href="javascript:alert(1)">',
  '<meta http-equiv=refresh content=0>',
  '<?php ?>',
  '<!ENTITY x SYSTEM "file:///etc/passwd">',
  '{{7*7}}',
  '{count}',
  '$&',
  '$1',
  '\x1b[2J',
  '\x1b]8;;http://evil.example\x07',
  '\x1b]52;c;aGk=\x07',
  '\x9b31m',
  '\x9d0;x\x9c',
  '\x90q',
  '\r',
  '\n',
  '\t',
  '\b',
  '\0',
  '\x7f',
  '\x85',
  '\u202e',
  '\u2066',
  '\u200f',
  '\u200b',
  '\ufeff',
  '\u2028',
  '\u2029',
  '\ud800',
  '\udfff',
  '\ufffe',
  '\u{e0041}',
  '\u{10ffff}',
  'e\u0301\u0301\u0301',
  ') Tj ET (',
  '\\)',
  '(((',
  ')))',
  '\\',
  'endstream endobj',
  '%%EOF',
  '/JavaScript',
  '<</S/URI>>',
  '=cmd|" /C calc"!A0',
  '@SUM(1)',
  '+1',
  '-1',
  'a',
  'é',
  '漢',
  '👩‍👩‍👧',
  ' ',
  '__proto__',
  'constructor',
  'x'.repeat(3000),
];

const below = randomBelow(20_261_128);
const hostile = () => Array.from({ length: 1 + below(6) }, () => PIECES[below(PIECES.length)]).join('');

/** The report with every text that an image, a profile or a policy file can bring replaced. */
function filled(text: () => string): Report {
  const report = sampleReport();
  const words = () => ({ en: text(), fr: text() });
  return {
    ...report,
    subject: text(),
    target: text(),
    machine: text(),
    policy: { ...report.policy, id: text(), name: words(), source: { document: text(), date: text() } },
    others: report.others.map((other) => ({ ...other, id: text(), name: words() })),
    lines: report.lines.map((line) => ({
      ...line,
      rule: text(),
      reason: words(),
      wayOut: words(),
      value: Array.isArray(line.value) ? line.value.map(text) : line.value === null ? null : text(),
      origin: text(),
      source: { document: text(), date: text() },
      contradicts: line.contradicts.map(text),
    })),
  };
}

/** Elements and attributes, without texts. */
function shapeOf(element: Element): string {
  const attributes = [...element.attributes].map(({ name, value }) => ` ${name}="${value}"`).join('');
  const children = [...element.childNodes].filter((node): node is Element => node.nodeType === node.ELEMENT_NODE);
  return `<${element.tagName}${attributes}>${children.map(shapeOf).join('')}</>`;
}

async function shapeOfHtml(report: Report): Promise<string> {
  const { bytes } = await reportDocument(report, 'html', 'en');
  const onError = (_: string, message: string) => {
    throw new Error(message);
  };
  return shapeOf(new DOMParser({ onError }).parseFromString(bytes.toString('utf8'), 'text/xml').documentElement!);
}

const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

test('HTML has the elements and attributes of a harmless report, whatever its texts are', async () => {
  const expected = await shapeOfHtml(filled(() => 'plain'));
  // some 150 texts each
  for (let round = 0; round < 100; round++) {
    const report = filled(hostile);
    expect(await shapeOfHtml(report)).toBe(expected);
    const { bytes, fileName } = await reportDocument(report, 'html', 'fr');
    expect(bytes.toString('utf8').replaceAll('\n', '')).not.toMatch(UNSEEN);
    expect(fileName).not.toMatch(/[/\\:*?"<>|\s\p{C}]|^[-.]/u);
  }
});

test('PDF is one that poppler reads without a complaint, with no more pages and links than text', async () => {
  for (let round = 0; round < 12; round++) {
    const { bytes } = await reportDocument(filled(hostile), 'pdf', 'en');
    const path = join(folder, 'report.pdf');
    writeFileSync(path, bytes);
    const told = execFileSync(
      'sh',
      ['-c', 'pdfinfo -js "$0" 2>&1 && pdfinfo -url "$0" 2>&1 && pdftotext "$0" - 2>&1 >/dev/null', path],
      { encoding: 'utf8' },
    );
    expect(told).not.toMatch(/error|warning|Name Dictionary|evil\.example/i);
  }
});

test('a terminal gets lines of text alone, also of errors', () => {
  const printed: string[] = [];
  const screen = {
    out: (text: string) => void printed.push(text),
    err: (text: string) => void printed.push(text),
    isTerminal: false,
    columns: 80,
  };
  for (const language of ['en', 'fr'] as const) {
    const printer = textPrinter(createWords(language), screen);
    for (let round = 0; round < 20; round++) {
      printer.result({ kind: 'report', value: filled(hostile) });
      printer.event({ kind: 'report', value: filled(hostile) });
      for (const code of ERROR_CODES) {
        const data = Object.fromEntries(
          ['path', 'reason', 'name', 'field', 'value', 'of', 'expected', 'details'].map((name) => [name, hostile()]),
        );
        printer.error({ code, message: hostile(), hint: hostile(), data });
      }
    }
  }
  expect(printed.length).toBeGreaterThan(1_000);
  for (const text of printed) {
    expect(text.endsWith('\n')).toBe(true);
    // a hint of an error of ours has lines
    expect(text.replaceAll('\n', '')).not.toMatch(UNSEEN);
  }
});
