/** Reports of the rules as text, and what a policy says. */
import {
  isUnknownLine,
  type CommandResult,
  type ErrorView,
  type FactValue,
  type PolicyView,
  type ReportLine,
  type Report,
  type RuleView,
} from '../../src-engine/contract/index.ts';
import { printable } from './printable.ts';
import { table } from './text-table.ts';
import type { Words } from './words.ts';

const LIST_CUT = 20;

/** Blocks first, with all that is known of them; warnings; what could not be told on one line; what passed as a number. */
export function reportOfRules(words: Words, report: Report): string[] {
  const { t } = words;
  const { policy, lines, subject, target, machine, action } = report;
  const isBlocked = lines.some(({ level }) => level === 'block');
  return [
    t(`report.title.${action}`),
    printable([subject, target].filter((part) => part !== '').join(' → ')),
    said(words, t('report.machine'), printable(machine) || t('report.unknown')),
    said(words, t('report.policy'), policyText(words, policy)),
    ...at(lines, 'block').flatMap((line) => detailed(words, line)),
    ...at(lines, 'warn').flatMap((line) => detailed(words, line)),
    ...closingLines(words, lines),
    t(`report.outcome.${isBlocked ? 'block' : lines.every(({ level }) => level === 'pass') ? 'pass' : 'warn'}`),
    ...(isBlocked ? othersLines(words, report) : []),
  ];
}

/** The same below the checks of a plan, which has said already what it is about. */
export function planRuleLines(words: Words, report: Report | null): string[] {
  if (report === null) return [];
  const { lines, policy } = report;
  return [
    said(words, words.t('report.policy'), policyText(words, policy)),
    ...at(lines, 'block').flatMap((line) => detailed(words, line)),
    ...at(lines, 'warn').flatMap((line) => detailed(words, line)),
    ...closingLines(words, lines),
    ...(at(lines, 'block').length > 0 ? othersLines(words, report) : []),
  ];
}

const at = (lines: readonly ReportLine[], level: ReportLine['level']) =>
  lines.filter((line) => line.level === level && !isUnknownLine(line));

function detailed(words: Words, line: ReportLine): string[] {
  const { t, shared } = words;
  const saidOf = (id: string, value: ReportLine['value']) =>
    said(words, printable(shared(`fact.${id}`, id)), valueText(words, id, value));
  const { compared } = line;
  const looked = [saidOf(line.fact, line.value), ...(compared ? [saidOf(compared.fact, compared.value)] : [])].join(
    '; ',
  );
  const note = line.isOverridden ? ` ${t('report.overridden')}` : '';
  const origin = line.origin && shared(`report.from.${line.origin.replaceAll(' ', '-')}`, line.origin);
  const rules = line.contradicts.join(', ');
  return [
    `${line.level === 'block' ? '✗' : '!'} ${looked} [${line.rule}]${note}`,
    `    ${own(words, line.reason)}`,
    `    ${own(words, line.wayOut)}`,
    ...(origin ? [`    ${said(words, t('report.origin'), printable(origin))}`] : []),
    ...(rules ? [`    ${printable(t('report.contradicts', { rules }))}`] : []),
    ...(line.level === 'block' && line.canOverride ? [`    ${t('cli.can-override', { code: line.rule })}`] : []),
  ];
}

function closingLines(words: Words, lines: readonly ReportLine[]): string[] {
  const { t, shared } = words;
  const unknown = new Set(lines.filter(isUnknownLine).map(({ fact }) => printable(shared(`fact.${fact}`, fact))));
  const passed = lines.filter(({ level }) => level === 'pass').length;
  return [
    ...(unknown.size > 0 ? [`? ${said(words, t('report.section.unknown'), [...unknown].join(', '))}`] : []),
    t('cli.rules-passed', { count: passed }),
  ];
}

function othersLines(words: Words, { others }: Report): string[] {
  const { t } = words;
  if (others.length === 0) return [t('report.noOthers')];
  const rows = others.map(({ name, id, kinds }) => [
    `  ${own(words, name)}`,
    kinds.map((kind) => `--kind ${kind}`).join(' '),
    `--policy ${id}`,
  ]);
  return [said(words, t('report.others'), '').trimEnd(), ...table(null, rows)];
}

export function policyListLines(words: Words, { policies, folder, refused }: CommandResult<'policy.list'>): string[] {
  const { t } = words;
  return [
    ...table(
      ['policy', 'name', 'kind', 'rules', 'source'].map((column) => t(`cli.column.${column}`)),
      policies.map((policy) => [
        policy.isDefault ? `${policy.id} *` : policy.id,
        own(words, policy.name),
        policy.kinds.join(', '),
        String(policy.ruleCount),
        printable(policy.path || dated(words, policy.source)),
      ]),
    ),
    t('cli.policy-default'),
    t('cli.policy-folder', { path: printable(folder) }),
    ...refusedLines(words, refused),
  ];
}

/** Files of a lab's own that do not count, with the reason. */
export function refusedLines(words: Words, refused: readonly ErrorView[]): string[] {
  return refused.map((error) => {
    const { path } = error.data;
    const what = words.t(`error.${error.code}.what`, error.data);
    // not all words of an error name the file
    return `✗ ${printable(typeof path === 'string' && !what.includes(path) ? words.said(path, what) : what)}`;
  });
}

export function policyLines(words: Words, { policy, rules }: CommandResult<'policy.show'>): string[] {
  const { t } = words;
  return [
    policyText(words, policy),
    ...(policy.path ? [printable(policy.path)] : []),
    ...rules.flatMap((rule) => ['', ...ruleLines(words, rule)]),
    '',
    t('cli.rules', { count: rules.length }),
  ];
}

function ruleLines(words: Words, rule: RuleView): string[] {
  const { t } = words;
  const rules = rule.contradicts.join(', ');
  return [
    `${rule.id}  ${t(`cli.when.${rule.when}`)}  ${t(`cli.severity.${rule.severity}`)}`,
    `  ${conditionText(words, rule)}`,
    ...rule.if.map((condition) => `  ${t('cli.only-where', { condition: conditionText(words, condition) })}`),
    `  ${own(words, rule.reason)}`,
    `  ${own(words, rule.wayOut)}`,
    ...(rules ? [`  ${printable(t('report.contradicts', { rules }))}`] : []),
    ...(rule.canOverride ? [`  ${t('report.canOverride')}`] : []),
    `  ${printable(dated(words, rule.source))}`,
  ];
}

function conditionText(words: Words, { fact, test }: Pick<RuleView, 'fact' | 'test'>): string {
  const { t, shared } = words;
  const name = (id: string) => printable(shared(`fact.${id}`, id));
  const tests = Object.entries(test).map(([comparison, wanted]) => {
    const value = comparison === 'includes' ? name(String(wanted)) : valueText(words, fact, wanted);
    return t(`report.test.${comparison}`, { value });
  });
  return said(words, name(fact), tests.join(', '));
}

function valueText(words: Words, fact: string, value: FactValue | null): string {
  const { t, shared } = words;
  if (value === null) return t('report.unknown');
  if (Array.isArray(value)) {
    if (value.length === 0) return t('report.nothing');
    const shown = value.slice(0, LIST_CUT).map((element) => valueText(words, fact, element));
    return [...shown, ...(value.length > LIST_CUT ? ['…'] : [])].join(', ');
  }
  if (typeof value === 'boolean') return t(value ? 'report.yes' : 'report.no');
  if (typeof value === 'number') return fact.endsWith('Bytes') ? words.bytes(value) : String(value);
  return printable(shared(`report.is.${value}`, value));
}

const own = ({ language }: Words, text: RuleView['reason']) => printable(text[language].replace(/\s+/g, ' '));
const said = (words: Words, fact: string, value: string) => words.said(fact, value);
const dated = ({ t }: Words, { document, date }: PolicyView['source']) => t('report.dated', { document, date });
const policyText = (words: Words, policy: PolicyView) =>
  `${own(words, policy.name)} (${policy.id}). ${printable(dated(words, policy.source))}`;
