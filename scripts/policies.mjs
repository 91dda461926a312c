/**
 * `npm run policies`: docs/POLICIES.md, from the policies themselves and from driving every rule with the cases of its test, here and
 * now. A rule that does not pass, act and warn as its test demands is not written: there is no document then.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { FACT_TYPES } from '../src-engine/policies/facts.ts';
import { reportWords } from '../src-engine/report/words.ts';
import { drive, POLICIES } from '../test/support/policy-cases.ts';
import { root } from './ensure.mjs';

const DOCUMENT = join(root, 'docs', 'POLICIES.md');
const EXAMPLE = join(root, 'docs', 'policy-example.yaml');
const LEVELS = (rule) => ({ good: 'pass', bad: rule.severity, unknown: 'warn' });
const words = reportWords('en');

const WHEN = { capture: 'capture', deploy: 'deploy', always: 'capture, deploy' };
/** Which values a comparison takes, in words. */
const TESTS = {
  is: 'the value is this one',
  isNot: 'the value is another one',
  oneOf: 'the value is one of these',
  noneOf: 'the value is none of these',
  atMost: 'the number is this one or less',
  atLeast: 'the number is this one or more',
  includes: 'the list holds the value of another fact',
};
const TYPES = { text: 'text', number: 'number', boolean: 'true or false', list: 'list of texts' };
/** What texts and lists hold. */
const VALUES = {
  'source.platform': 'virtual, physical',
  'target.platform': 'virtual, physical',
  'machine.firmware': 'bios, uefi',
  'machine.boardFamily': 'x10, x11, lenovo, else maker and board as they call themselves',
  'machine.graphics': 'none, vgpu, gpu',
  'machine.raidLevels': 'raid0, raid1, raid5, raid6, raid10…',
  'guest.family': 'linux, windows, other',
  'guest.release': 'distribution and major version: centos-6, ubuntu-18.04, windows-server-2008-r2',
  'guest.pointRelease': 'distribution and point release: centos-7.6',
  'guest.architecture': 'x86_64, aarch64…',
  'guest.bootModes': 'bios, uefi',
  'guest.kernelOrigin': 'distribution, custom',
  'template.status': 'active, deprecated, disabled',
  'template.licence': 'none, own',
  'template.visibility': 'private, shared, public',
  'deploy.layout': 'template (as it was captured), changed',
};

const cell = (text) => text.replaceAll('|', '\\|');
const row = (...cells) => `| ${cells.map(cell).join(' | ')} |`;
const table = (heads, rows) => [row(...heads), row(...heads.map(() => '---')), ...rows.map((cells) => row(...cells))];

/** As a policy file writes it, but for sizes. */
function valueText(fact, value) {
  if (Array.isArray(value)) return value.length === 0 ? '[]' : value.join(', ');
  return fact.endsWith('Bytes') ? words.value(fact, value) : String(value);
}

function testText(fact, test) {
  const [[name, wanted]] = Object.entries(test);
  return words.t(`report.test.${name}`, {
    value: name === 'includes' ? words.fact(wanted) : valueText(fact, wanted),
  });
}

const conditionText = ({ fact, test }) =>
  words.t('report.said', { fact: words.fact(fact), value: testText(fact, test) });

/** Policies that are not included alone; a rule is driven under each of them that has it. */
const chosen = [...POLICIES.values()].filter(({ kinds }) => kinds.length > 0);

/**
 * What the rule did with the values of its cases, under every policy that has it.
 * @throws Error where one of the outcomes is missing or is not the one that is demanded
 */
function outcomes(policy, rule) {
  const users = policy.kinds.length > 0 ? [policy] : chosen.filter(({ includes }) => includes.includes(policy.id));
  if (users.length === 0) throw new Error(`${policy.id} is used by no policy`);
  const driven = users.flatMap(({ id }) => drive(id, rule.id));
  for (const { wanted, line, values } of driven) {
    if (line?.level !== LEVELS(rule)[wanted])
      throw new Error(`${rule.id}: ${line?.level ?? 'silent'} for ${JSON.stringify(values)}, which is ${wanted}`);
  }
  return Object.fromEntries(
    ['good', 'bad', 'unknown'].map((wanted) => {
      const lines = driven.filter((one) => one.wanted === wanted);
      if (lines.length === 0) throw new Error(`${rule.id} was not driven with a value that is ${wanted}`);
      return [wanted, [...new Set(lines.map(({ line }) => valueText(rule.fact, line.value)))].join('; ')];
    }),
  );
}

function policyText(policy) {
  const rows = policy.rules.map((rule) => {
    const { good, bad } = outcomes(policy, rule);
    const source = rule.source ?? policy.source;
    return [
      `\`${rule.id}\``,
      WHEN[rule.when],
      `${rule.severity}${rule.canOverride ? ', can be overridden' : ''}`,
      [conditionText(rule), ...rule.if.map((condition) => `where ${conditionText(condition)}`)].join('; '),
      `${source.document}, ${source.date}`,
      good,
      bad,
      rule.contradicts.map((id) => `\`${id}\``).join(', '),
    ];
  });
  return [
    `### ${policy.name.en}: \`${policy.id}\``,
    '',
    [
      `Source: ${policy.source.document}, ${policy.source.date}.`,
      ...(policy.kinds.length > 0
        ? [`For templates of the kind ${policy.kinds.join(', ')}.`]
        : ['Included by the others.']),
      ...(policy.isDefault ? ['What that kind lives under where no policy is named.'] : []),
      ...(policy.includes.length > 0 ? [`Includes ${policy.includes.map((id) => `\`${id}\``).join(', ')}.`] : []),
    ].join(' '),
    '',
    ...table(
      ['Rule', 'At', 'Severity', 'Passes where', 'Source', 'Driven to pass', 'Driven to act', 'Contradicts'],
      rows,
    ),
    '',
  ];
}

function valuesOf(id, type) {
  if (type === 'number') return id.endsWith('Bytes') ? 'in bytes' : '';
  if (type === 'boolean') return '';
  if (!VALUES[id]) throw new Error(`${id}: its values are not told`);
  return VALUES[id];
}

/** @returns the document, before the formatter lined its columns up @throws Error where a rule was not driven as it should */
export function policyDocument() {
  return [
    '# Policies',
    '',
    'A template lives under a policy: rules as data, evaluated against facts. Every rule passes, warns or blocks, and its line in the report says',
    'which fact it looked at, where that was read, why the rule exists and what to do. A fact that could not be told makes its rules warn; it never',
    'passes. `diskpress policies ID` explains the rules of a policy, `diskpress check` makes a report.',
    '',
    '## Rules',
    '',
    'Made by `npm run policies`: each rule was driven to pass and to act with the values that its line names, and to warn with none, by the cases of',
    '`test/support/policy-cases.ts`, which `test/unit/policies` judges.',
    '',
    ...[...POLICIES.values()].flatMap(policyText),
    "## A lab's own policies",
    '',
    'A file of YAML (or JSON) in the folder `policies` of the catalog, its name ending in `.yaml`, `.yml` or `.json`. It counts from the next command on. A file',
    'with an error is refused with its line (`diskpress policies` says so); the others count. A policy of a lab is used where it is named: `--policy ID`',
    'at a command, or once for a template with `diskpress edit TEMPLATE --policy ID`. This one is complete:',
    '',
    '```yaml',
    readFileSync(EXAMPLE, 'utf8').trimEnd(),
    '```',
    '',
    '`id` of policies and rules: small letters, digits, `.` and `-`. `if`, `canOverride`, `includes` and the `source` of a rule may be left',
    'out; `contradicts` may name rules of the same document that say otherwise. Words are needed in both languages. No lab can change or replace',
    'a policy that comes with Diskpress.',
    '',
    '### Comparisons',
    '',
    'Of a fact that is a list, every element has to satisfy it; an empty list does.',
    '',
    ...table(
      ['Comparison', 'Holds where'],
      Object.entries(TESTS).map(([name, text]) => [`\`${name}\``, text]),
    ),
    '',
    '### Facts',
    '',
    ...table(
      ['Fact', 'Type', 'What it is', 'Values'],
      Object.entries(FACT_TYPES).map(([id, type]) => [`\`${id}\``, TYPES[type], words.fact(id), valuesOf(id, type)]),
    ),
    '',
  ].join('\n');
}

/** @returns whether the document says what the policies and their tests are */
export function isPolicyDocumentCurrent() {
  return squeezed(readFileSync(DOCUMENT, 'utf8')) === squeezed(policyDocument());
}

/** The formatter lines columns up. */
const squeezed = (text) =>
  text
    .replace(/-{3,}/g, '---')
    .replace(/[^\S\n]+/g, ' ')
    .trim();

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const text = policyDocument();
  writeFileSync(DOCUMENT, text);
  console.log(`${DOCUMENT}: ${[...POLICIES.values()].flatMap(({ rules }) => rules).length} rules`);
}
