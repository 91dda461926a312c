/** A report as a file to keep or to send: pure, of what the report says and the words of one language. */
import type { Report } from '../contract/report.contract.ts';
import { contentOf } from './content.ts';
import { htmlOf } from './html.ts';
import { pdfOf } from './pdf.ts';
import { reportWords, type ReportLanguage } from './words.ts';

export type ReportFormat = 'html' | 'pdf';

export interface ReportDocument {
  /** safe on every system */
  readonly fileName: string;
  readonly mediaType: string;
  readonly bytes: Buffer;
}

const MEDIA_TYPES = { html: 'text/html; charset=utf-8', pdf: 'application/pdf' };
const MAX_NAME_LENGTH = 60;

export async function reportDocument(
  report: Report,
  format: ReportFormat,
  language: ReportLanguage,
): Promise<ReportDocument> {
  const content = contentOf(report, reportWords(language));
  const bytes =
    format === 'html' ? Buffer.from(htmlOf(content, language)) : await pdfOf(content, language, report.createdAt);
  return {
    fileName: fileNameOf('report', report.subject, report.createdAt, format),
    mediaType: MEDIA_TYPES[format],
    bytes,
  };
}

/** 'report-centos-6-2026-11-21.pdf': of the subject the last name of its path. */
export function fileNameOf(beginning: string, subject: string, madeAt: string, ending: string): string {
  const last = subject.split(/[/\\]/).findLast((name) => name !== '') ?? '';
  const name = last
    .normalize('NFC')
    .replace(/[^\p{L}\p{N}._]+/gu, '-')
    // cut between characters, not inside of one
    .replace(new RegExp(`^(.{${MAX_NAME_LENGTH}}).*$`, 'su'), '$1')
    .replace(/^[-.]+|[-.]+$/g, '');
  return [beginning, name, `${madeAt.slice(0, 10)}.${ending}`].filter((part) => part !== '').join('-');
}
