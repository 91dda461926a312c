/** A report as a PDF of A4 pages, in the fonts that every reader has. */
import type { Content, Field, SectionId } from './content.ts';
import { reportWords, type ReportLanguage } from './words.ts';

const MARGIN = 56;
/** room for the names of fields, beside which their texts stand */
const NAME_POINTS = 72;
const INK = '#1b1f24';
const SOFT = '#57606a';
const COLOURS: Record<SectionId, string> = {
  block: '#b3261e',
  warn: '#855300',
  unknown: SOFT,
  pass: '#1a6b36',
  plain: INK,
};
/** what a line needs at least, so that its heading does not stand alone at the foot of a page */
const LINE_POINTS = 70;

/** @param madeAt written into the file, ISO 8601 */
export async function pdfOf(content: Content, language: ReportLanguage, madeAt: string): Promise<Buffer> {
  // eslint-disable-next-line no-restricted-syntax -- large: it is read when the first PDF is asked for, and most reports never become one
  const { default: PDFDocument } = await import('pdfkit');
  const date = new Date(madeAt);
  const document = new PDFDocument({
    size: 'A4',
    margin: MARGIN,
    bufferPages: true,
    lang: language,
    displayTitle: true,
    info: { Title: inWinAnsi(content.title), Creator: 'Diskpress', CreationDate: date, ModDate: date },
  });
  const pieces: Buffer[] = [];
  const ended = new Promise<Buffer>((resolve, reject) => {
    document.on('data', (piece: Buffer) => pieces.push(piece));
    document.on('end', () => resolve(Buffer.concat(pieces)));
    document.on('error', reject);
  });
  writeContent(document, content);
  numberPages(document, language);
  document.end();
  return ended;
}

type Page = PDFKit.PDFDocument;

function writeContent(page: Page, { title, about, verdict, others, sections }: Content): void {
  write(page, title, { bold: true, size: 17 });
  page.moveDown(0.6);
  about.forEach((field) => writeField(page, field));
  page.moveDown(0.8);
  write(page, verdict.text, { bold: true, size: 13, colour: COLOURS[verdict.level] });
  write(page, verdict.counts, {});
  if (others) {
    page.moveDown(0.8);
    write(page, others.title, { bold: true });
    others.names.forEach((name) => write(page, `• ${name}`, {}));
  }
  for (const section of sections) {
    keepTogether(page);
    page.moveDown(1);
    write(page, section.title, { bold: true, size: 13, colour: COLOURS[section.id] });
    for (const { heading, fields } of section.lines) {
      keepTogether(page);
      page.moveDown(0.5);
      write(page, heading, { bold: true });
      fields.forEach((field) => writeField(page, field));
    }
  }
}

function keepTogether(page: Page): void {
  if (page.y + LINE_POINTS > page.page.maxY()) page.addPage();
}

interface Style {
  readonly bold?: boolean;
  readonly size?: number;
  readonly colour?: string;
}

function write(page: Page, text: string, { bold = false, size = 10, colour = INK }: Style): void {
  page
    .font(bold ? 'Helvetica-Bold' : 'Helvetica', size)
    .fillColor(colour)
    .text(inWinAnsi(text), MARGIN);
}

function writeField(page: Page, { name, text }: Field): void {
  const left = name === '' ? MARGIN : MARGIN + NAME_POINTS;
  const value = inWinAnsi(text);
  const width = page.page.width - MARGIN - left;
  page.font('Helvetica', 10);
  if (page.y + page.heightOfString(value, { width }) > page.page.maxY()) page.addPage();
  const { y } = page;
  page.fillColor(SOFT).text(inWinAnsi(name), MARGIN, y, { width: NAME_POINTS, lineBreak: false });
  page.fillColor(INK).text(value, left, y, { width });
}

/** In the margin at the foot, when all pages are there. */
function numberPages(document: Page, language: ReportLanguage): void {
  const { t } = reportWords(language);
  const { count } = document.bufferedPageRange();
  for (let i = 0; i < count; i++) {
    document.switchToPage(i);
    const { width, height, margins } = document.page;
    // text in the margin would begin another page
    margins.bottom = 0;
    document.font('Helvetica', 9).fillColor(SOFT);
    const text = inWinAnsi(t('report.page', { page: i + 1, pages: count }));
    document.text(text, MARGIN, height - MARGIN / 1.5, { width: width - 2 * MARGIN, align: 'right', lineBreak: false });
  }
}

/** Characters of Windows-1252 beyond Latin-1 that the fonts have. */
const BEYOND_LATIN = new Set('€‚ƒ„…†‡ˆ‰Š‹Œ‘’“”•–—˜™š›œŸŽž');

/** The fonts know Windows-1252 alone: other spaces become its own, other characters stand as codes. */
function inWinAnsi(text: string): string {
  const spaced = text
    .normalize('NFC')
    .replace(/[\u2007\u202f]/g, '\u00a0')
    .replace(/[\u2000-\u200a\u3000]/g, ' ');
  return [...spaced].map((c) => (isInWinAnsi(c) ? c : `\\u{${c.codePointAt(0)!.toString(16)}}`)).join('');
}

function isInWinAnsi(character: string): boolean {
  const code = character.codePointAt(0)!;
  return (code >= 0x20 && code < 0x7f) || (code >= 0xa0 && code <= 0xff) || BEYOND_LATIN.has(character);
}
