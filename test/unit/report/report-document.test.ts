/** Reports as files: everything that a report says, in the words of a language, whatever an image put into its values. */
import { DOMParser, type Document, type Element } from '@xmldom/xmldom';
import { describe, expect, it } from 'vitest';
import type { Report, ReportLine } from '../../../src-engine/contract/report.contract.ts';
import { reportDocument } from '../../../src-engine/report/report-document.ts';
import type { ReportLanguage } from '../../../src-engine/report/words.ts';
import { sampleReport } from '../../support/reports.ts';

async function parsed(report: Report, language: ReportLanguage = 'en'): Promise<Document> {
  const { bytes } = await reportDocument(report, 'html', language);
  const onError = (_: string, message: string) => {
    throw new Error(message);
  };
  return new DOMParser({ onError }).parseFromString(bytes.toString('utf8'), 'text/xml');
}

const texts = (document: Document | Element, tag: string) =>
  [...document.getElementsByTagName(tag)].map(({ textContent }) => textContent);
const sections = (document: Document) =>
  new Map([...document.getElementsByTagName('section')].map((section) => [section.getAttribute('class'), section]));

const withLine = (line: Partial<ReportLine>): Report => {
  const [first] = sampleReport().lines;
  return sampleReport({ lines: [{ ...first, compared: null, ...line }] });
};

describe('HTML', () => {
  it('says of every line the fact in words, value, origin, reason, what to do, rule and source', async () => {
    const report = sampleReport();
    const byId = sections(await parsed(report));
    const places = {
      block: report.lines.filter(({ level }) => level === 'block'),
      warn: report.lines.filter(({ level, value }) => level === 'warn' && value !== null),
      unknown: report.lines.filter(({ level, value }) => level === 'warn' && value === null),
      pass: report.lines.filter(({ level }) => level === 'pass'),
    };
    for (const [id, lines] of Object.entries(places)) {
      expect(lines.length, id).toBeGreaterThan(0);
      const articles = [...byId.get(id)!.getElementsByTagName('article')];
      expect(articles).toHaveLength(lines.length);
      lines.forEach((line, i) => {
        const said = articles[i].textContent!;
        const parts = [line.reason.en, line.rule, line.source.document, line.source.date, ...line.contradicts];
        if (line.level !== 'pass') parts.push(line.wayOut.en);
        for (const part of parts) expect(said).toContain(part);
        expect(texts(articles[i], 'h3')[0]).toMatch(line.value === null ? /: unknown$/ : /.: ./);
      });
    }
  });

  it('says what was looked at, for which target and machine, under which policy, and the verdict', async () => {
    const document = await parsed(sampleReport());
    const about = texts([...document.getElementsByTagName('dl')][0], 'dd');
    expect(about).toEqual([
      'classroom@3',
      '/dev/sdb',
      'room 12',
      'Bare-metal custom image template (2020) (bare-metal-2020)',
      'bare-metal@c3142b1 bm-about-custom-image-templates.md, 2020-11-11',
      expect.stringMatching(/November 21, 2026.*9:30.*UTC/),
    ]);
    expect(texts(document, 'strong')).toEqual(['Refused']);
    expect(texts(document, 'li')).toEqual(['Lab (lab)']);
    const [heading] = texts(sections(document).get('block')!, 'h3');
    expect(heading).toBe('Boot modes of the image: UEFI; Firmware of the machine: BIOS');
    expect(texts(sections(document).get('pass')!, 'h3')).toContain('Largest disk: 1.5\u00a0TB');
    expect(texts(sections(document).get('pass')!, 'dd')).toContain('the catalog');
  });

  it('says what a person took upon themselves, and that a document contradicts itself', async () => {
    const byId = sections(await parsed(sampleReport()));
    expect(byId.get('warn')!.textContent).toContain('end-of-life. A person took this upon themselves.');
    expect(byId.get('block')!.textContent).toContain('The same document says otherwise: bm2020.no-uefi');
  });

  it('allows what nothing blocks, with warnings or without', async () => {
    const warned = withLine({ level: 'warn' });
    const passed = withLine({ level: 'pass' });
    expect(texts(await parsed(warned), 'strong')).toEqual(['Allowed, with warnings']);
    expect(texts(await parsed(passed), 'strong')).toEqual(['Allowed']);
    expect(texts(await parsed(passed), 'li')).toEqual([]);
    expect((await parsed(sampleReport({ others: [] }))).documentElement!.textContent).toContain(
      'Under every policy something blocks.',
    );
  });

  it('is French where that is asked for', async () => {
    const report = sampleReport();
    const document = await parsed(report, 'fr');
    const said = document.documentElement!.textContent!;
    for (const { reason } of report.lines) expect(said).toContain(reason.fr);
    expect(said).toContain('Modes d’amorçage de l’image\u202f: UEFI');
    expect(said).toContain('Carte mère de la machine\u202f: inconnu');
    expect(said).toContain('Plus grand disque\u202f: 1,5\u202fTo');
    expect(document.documentElement!.getAttribute('lang')).toBe('fr');
  });

  const HOSTILE = [
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    ']]></style><h1>x</h1><!--',
    '&lt;b&gt; &amp;amp; &#x0;',
    '\0\x01\x1b]0;title\x07\x7f\u0085',
    'gnp.\u202eexe\u2066\u200b',
    '\ud800 alone \udfff, \uffff and \ufdd0',
    'two\nlines\r\nand\ttabs',
    '{fact} {value} $& $1 {{constructor}}',
  ];

  it.each(HOSTILE)('takes %j for text, wherever it stands', async (text) => {
    const report = sampleReport({ subject: text, target: text, machine: text });
    for (const line of report.lines) {
      Object.assign(line, { origin: text, value: text, rule: text, contradicts: [text], fact: text });
      line.reason = line.wayOut = { en: text, fr: text };
      line.source = { ...line.source, document: text };
    }
    const plain = await parsed(sampleReport());
    const document = await parsed(report);
    const elements = [...document.getElementsByTagName('*')];
    const tags = new Set(elements.map(({ tagName }) => tagName));
    expect([...tags].filter((tag) => plain.getElementsByTagName(tag).length === 0)).toEqual([]);
    const attributes = elements.flatMap((element) => [...element.attributes].map(({ name }) => name));
    expect(new Set(attributes)).toEqual(
      new Set(['lang', 'xmlns', 'charset', 'http-equiv', 'content', 'name', 'class']),
    );

    expect(document.documentElement!.textContent).not.toMatch(/[\0-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/);
    if (!/[\0-\x1f\u{80}-\u{ffff}]/u.test(text)) expect(texts(document, 'dd')).toContain(text);
  });

  it.each([
    [0, '0\u00a0B'],
    [512, '512\u00a0B'],
    [999_600, '1\u00a0MB'],
    [2_000_398_934_016, '2\u00a0TB'],
    [1e21, '1,000,000\u00a0PB'],
  ])('%d bytes are %s', async (value, text) => {
    const document = await parsed(withLine({ fact: 'disk.largestBytes', value }));
    expect(texts(document, 'h3')).toEqual([`Largest disk: ${text}`]);
  });

  it('holds no script and fetches nothing', async () => {
    const { bytes, mediaType } = await reportDocument(sampleReport(), 'html', 'en');
    expect(mediaType).toBe('text/html; charset=utf-8');
    expect(bytes.toString()).not.toMatch(/<script|url\(|@import|\shref=|\ssrc=/i);
    expect(bytes.toString()).toContain(`default-src 'none'`);
  });

  it('cuts what nobody could read', async () => {
    const many = withLine({ fact: 'machine.raidLevels', value: new Array<string>(100_000).fill('raid5') });
    expect((await reportDocument(many, 'html', 'en')).bytes.length).toBeLessThan(20_000);
  });

  it('a word that every object knows is no word of a locale', async () => {
    const document = await parsed(withLine({ fact: 'constructor', value: 'toString', origin: '__proto__' }));
    expect(texts(document, 'h3')).toEqual(['constructor: toString']);
    expect(texts(document, 'dd')).toContain('__proto__');
  });
});

describe('the name of the file', () => {
  it.each([
    ['/dev/sdb', 'report-sdb-2026-11-21.html'],
    ['C:\\images\\room 12.qcow2', 'report-room-12.qcow2-2026-11-21.html'],
    ['élèves@3', 'report-élèves-3-2026-11-21.html'],
    ['../../etc/..', 'report-2026-11-21.html'],
    ['a<b>:"|?*\n', 'report-a-b-2026-11-21.html'],
    ['😀'.repeat(10) + 'ſ'.repeat(300), `report-${'ſ'.repeat(59)}-2026-11-21.html`],
  ])('%j: %s', async (subject, name) => {
    expect((await reportDocument(sampleReport({ subject }), 'html', 'en')).fileName).toBe(name);
  });
});
