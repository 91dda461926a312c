/** The PDF of a report, as poppler reads it. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Report } from '../../../src-engine/contract/report.contract.ts';
import { reportDocument } from '../../../src-engine/report/report-document.ts';
import type { ReportLanguage } from '../../../src-engine/report/words.ts';
import { sampleReport } from '../../support/reports.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const folder = temporaryFolder();

async function written(report: Report, language: ReportLanguage): Promise<string> {
  const { bytes, mediaType, fileName } = await reportDocument(report, 'pdf', language);
  expect(mediaType).toBe('application/pdf');
  const path = join(folder, fileName);
  writeFileSync(path, bytes);
  return path;
}

/** Its text, every run of spaces as one. */
function textOf(path: string): string {
  const text = execFileSync('pdftotext', ['-enc', 'UTF-8', path, '-'], { encoding: 'utf8' });
  return text.replace(/\s+/g, ' ');
}

function infoOf(path: string): string {
  return execFileSync('pdfinfo', [path], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

const spaced = (text: string) => text.replace(/\s+/g, ' ');

describe('PDF', () => {
  test.each(['en', 'fr'] as const)('every line is in it (%s)', async (language) => {
    const report = sampleReport();
    const path = await written(report, language);
    const text = textOf(path);
    for (const line of report.lines) {
      expect(text).toContain(spaced(line.reason[language]));
      if (line.level !== 'pass') expect(text).toContain(spaced(line.wayOut[language]));
      expect(text).toContain(line.rule);
    }
    for (const part of ['classroom@3', '/dev/sdb', 'room 12', 'bare-metal-2020', '2020-11-11'])
      expect(text).toContain(part);
    const pages = Number(/^Pages:\s+(\d+)$/m.exec(infoOf(path))![1]);
    expect(pages).toBeGreaterThan(1);
    for (let page = 1; page <= pages; page++)
      expect(text).toContain(language === 'en' ? `Page ${page} of ${pages}` : `Page ${page} sur ${pages}`);
  });

  test('French letters are right, and so is its title', async () => {
    const path = await written(sampleReport(), 'fr');
    expect(textOf(path)).toContain('Modes d’amorçage de l’image : UEFI');
    expect(textOf(path)).toContain('Système d’exploitation en fin de vie : oui');
    expect(infoOf(path)).toMatch(/^Title:\s+Rapport des règles\s: déploiement$/m);
  });

  test('brings no font, no script and no address along', async () => {
    const path = await written(sampleReport(), 'en');
    const fonts = execFileSync('pdffonts', [path], { encoding: 'utf8' }).trim().split('\n').slice(2);
    expect(fonts.map((line) => line.split(/\s+/)[0]).sort()).toEqual(['Helvetica', 'Helvetica-Bold']);
    expect(infoOf(path)).toMatch(/^JavaScript:\s+no$/m);
  });

  test('what the fonts do not have stands as a code, what controls anything too', async () => {
    const report = sampleReport({ subject: 'диск 中 \u202e\x1b[31m) Tj ET (', machine: '1\u202f000\u2009km' });
    const text = textOf(await written(report, 'en'));
    expect(text).toContain('\\u{434}\\u{438}\\u{441}\\u{43a} \\u{4e2d} \\u{202e}\\u{1b}[31m) Tj ET (');
    expect(text).toContain('1 000 km');
  });

  test('long names and many lines: pages are added, nothing is lost, nothing hangs', async () => {
    const [line] = sampleReport().lines;
    const lines = Array.from({ length: 400 }, (_, i) => ({ ...line, rule: `rule-${i}.`, origin: 'x'.repeat(1900) }));
    const text = textOf(await written(sampleReport({ lines }), 'en'));
    for (let i = 0; i < lines.length; i++) expect(text).toContain(`rule-${i}.`);
    expect(text.replaceAll(' ', '').match(/x{500}/)).not.toBeNull();
  });
});
