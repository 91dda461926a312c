/** What a report says, in the order that it is read in, whatever it is written as. */
import { isUnknownLine, type Report, type ReportLine } from '../contract/report.contract.ts';
import { visible, type ReportWords } from './words.ts';

/** A name and what stands beside it. */
export interface Field {
  readonly name: string;
  readonly text: string;
}

const SECTIONS = ['block', 'warn', 'unknown', 'pass'] as const;
/** `plain`: it tells, and judges nothing */
export type SectionId = (typeof SECTIONS)[number] | 'plain';

export interface Section {
  readonly id: SectionId;
  readonly title: string;
  readonly lines: readonly { readonly heading: string; readonly fields: readonly Field[] }[];
}

export interface Content {
  readonly title: string;
  readonly about: readonly Field[];
  readonly verdict: { readonly level: ReportLine['level']; readonly text: string; readonly counts: string };
  /** policies under which nothing blocks; null where this one does not either */
  readonly others: { readonly title: string; readonly names: readonly string[] } | null;
  /** those that have lines */
  readonly sections: readonly Section[];
}

const sectionOf = (line: ReportLine): SectionId => (isUnknownLine(line) ? 'unknown' : line.level);

export function contentOf(report: Report, words: ReportWords): Content {
  const { t } = words;
  const lines = Object.fromEntries(
    SECTIONS.map((id) => [id, report.lines.filter((line) => sectionOf(line) === id)]),
  ) as Record<SectionId, ReportLine[]>;
  const level = lines.block.length > 0 ? 'block' : lines.warn.length + lines.unknown.length > 0 ? 'warn' : 'pass';
  return {
    title: t(`report.title.${report.action}`),
    about: [
      { name: t('report.subject'), text: visible(report.subject) },
      { name: t('report.target'), text: visible(report.target) || t('report.noneNamed') },
      { name: t('report.machine'), text: visible(report.machine) || t('report.unknown') },
      { name: t('report.policy'), text: `${words.own(report.policy.name)} (${report.policy.id})` },
      { name: t('report.source'), text: dated(words, report.policy.source) },
      { name: t('report.made'), text: words.time(report.createdAt) },
    ],
    verdict: {
      level,
      text: t(`report.outcome.${level}`),
      counts: t('report.count', {
        blocks: lines.block.length,
        warnings: lines.warn.length,
        unknown: lines.unknown.length,
        passed: lines.pass.length,
      }),
    },
    others: level === 'block' ? othersOf(report, words) : null,
    sections: SECTIONS.filter((id) => lines[id].length > 0).map((id) => ({
      id,
      title: t(`report.section.${id}`),
      lines: lines[id].map((line) => ({
        heading: headingOf(line, words),
        fields: fieldsOf(line, words),
      })),
    })),
  };
}

function headingOf({ fact, value, compared }: ReportLine, words: ReportWords): string {
  const said = (id: string, of: ReportLine['value']) =>
    words.t('report.said', { fact: words.fact(id), value: words.value(id, of) });
  return [said(fact, value), ...(compared ? [said(compared.fact, compared.value)] : [])].join('; ');
}

function fieldsOf(line: ReportLine, words: ReportWords): Field[] {
  const { t } = words;
  const fields = [
    { name: t('report.origin'), text: words.origin(line.origin) },
    { name: t('report.reason'), text: words.own(line.reason) },
    // who passed a rule has nothing to do
    { name: t('report.wayOut'), text: line.level === 'pass' ? '' : words.own(line.wayOut) },
    { name: t('report.rule'), text: `${visible(line.rule)}${noteOf(line, words)}` },
    { name: t('report.source'), text: dated(words, line.source) },
  ];
  const rules = line.contradicts.map(visible).join(', ');
  if (rules !== '') fields.push({ name: '', text: t('report.contradicts', { rules }) });
  return fields.filter(({ text }) => text !== '');
}

function noteOf({ isOverridden, canOverride, level }: ReportLine, { t }: ReportWords): string {
  if (isOverridden) return `. ${t('report.overridden')}`;
  return canOverride && level === 'block' ? `. ${t('report.canOverride')}` : '';
}

function othersOf({ others }: Report, words: ReportWords): Content['others'] {
  const names = others.map(({ id, name }) => `${words.own(name)} (${visible(id)})`);
  return { title: words.t(names.length === 0 ? 'report.noOthers' : 'report.others'), names };
}

function dated({ t }: ReportWords, { document, date }: ReportLine['source']): string {
  return t('report.dated', { document: visible(document), date });
}
