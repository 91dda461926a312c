/** What a report of the rules looks like to a person: its sections, and its facts in words. */
import { describe, expect, it } from 'vitest';
import { createSSRApp } from 'vue';
import { renderToString } from 'vue/server-renderer';
import type { FactValue, ReportLine } from '../../../src-engine/contract/index.ts';
import { FACT_IDS, FACT_TYPES } from '../../../src-engine/policies/facts.ts';
import { i18n } from '../../../src-renderer/client/i18n.ts';
import { LANGUAGES, type Language } from '../../../src-engine/words/languages.ts';
import { useFactWords, type FactWords } from '../../../src-renderer/modules/report/fact-words.ts';
import { sectionsOf } from '../../../src-renderer/modules/report/sections.ts';
import { sampleReport } from '../../support/reports.ts';

const report = sampleReport();
const line = (more: Partial<ReportLine>): ReportLine => ({ ...report.lines[0], isOverridden: false, ...more });
const rulesOf = (lines: readonly ReportLine[]) => lines.map(({ rule }) => rule);

/** What a component in that language gets. */
async function wordsIn(language: Language): Promise<FactWords> {
  i18n.global.locale.value = language;
  let words: FactWords | null = null;
  const app = createSSRApp({
    setup() {
      words = useFactWords();
      return () => null;
    },
  });
  await renderToString(app.use(i18n));
  return words!;
}

describe('the sections of a report', () => {
  it('hold every line once', () => {
    const { blocks, warnings, unknown, passed } = sectionsOf(report);
    const shown = rulesOf([...blocks, ...warnings, ...unknown, ...passed]);
    expect(shown.toSorted()).toEqual(rulesOf(report.lines).toSorted());
    for (const section of [blocks, warnings, unknown, passed]) expect(section.length).toBeGreaterThan(0);
  });

  it('keep what a person took upon themselves in its place among what blocks, so that it can be given back there', () => {
    const blocking = ['boards', 'end-of-life', 'raid-levels'].map((rule) =>
      line({ rule, level: 'block', value: true }),
    );
    const taken = line({ rule: 'end-of-life', level: 'warn', value: true, isOverridden: true });
    const warning = line({ rule: 'another', level: 'warn', value: true });
    const before = sectionsOf({ lines: [...blocking, warning] });
    // as the engine orders them
    const after = sectionsOf({ lines: [blocking[0], blocking[2], taken, warning] });
    expect(rulesOf(after.blocks)).toEqual(rulesOf(before.blocks));
    expect(rulesOf(after.warnings)).toEqual(['another']);
  });

  it('put what is unknown apart, what a machine would tell first', () => {
    const lines = [
      line({ rule: 'a', level: 'warn', fact: 'guest.bootModes', value: null }),
      line({ rule: 'b', level: 'warn', fact: 'machine.firmware', value: null }),
      line({ rule: 'c', level: 'warn', fact: 'machine.graphics', value: 'gpu' }),
    ];
    const { unknown, warnings } = sectionsOf({ lines });
    expect(rulesOf(unknown)).toEqual(['b', 'a']);
    expect(rulesOf(warnings)).toEqual(['c']);
  });
});

describe.each(LANGUAGES)('the words of facts (%s)', (language) => {
  it('name every fact', async () => {
    const { fact } = await wordsIn(language);
    expect(FACT_IDS.filter((id) => fact(id) === id)).toEqual([]);
  });

  it('tell a value of every type, and none as the program writes it', async () => {
    const { value } = await wordsIn(language);
    const values: Record<(typeof FACT_TYPES)[keyof typeof FACT_TYPES], FactValue> = {
      text: 'distribution',
      number: 3,
      boolean: true,
      list: ['raid1', 'raid5'],
    };
    for (const [id, type] of Object.entries(FACT_TYPES)) {
      const said = value(id, values[type]);
      expect(said, id).not.toBe('');
      if (type !== 'number') expect(said, id).not.toMatch(/true|^distribution$|raid1/);
    }
  });
});

it('values are told as the language tells them', async () => {
  const en = await wordsIn('en');
  expect(en.value('disk.largestBytes', 2_000_398_934_016)).toMatch(/^2\sTB$/);
  expect(en.value('disk.count', 1_200)).toBe('1,200');
  expect(en.value('machine.hasTpm', false)).toBe('no');
  expect(en.value('machine.raidLevels', ['raid1', 'raid5'])).toBe('RAID 1 and RAID 5');
  expect(en.value('machine.raidLevels', [])).toBe('none');
  expect(en.value('guest.release', null)).toBe('unknown');
  expect(en.origin('audit log')).toBe('the audit log');
  expect(en.own({ en: 'Why', fr: 'Pourquoi' })).toBe('Why');
  const fr = await wordsIn('fr');
  expect(fr.value('disk.largestBytes', 2_000_398_934_016)).toMatch(/^2\sTo$/);
  expect(fr.value('machine.raidLevels', ['raid1', 'raid5'])).toBe('RAID 1 et RAID 5');
  expect(fr.own({ en: 'Why', fr: 'Pourquoi' })).toBe('Pourquoi');
});

it('what an image or a profile says is told as it is, whatever it is', async () => {
  const { fact, value, origin } = await wordsIn('en');
  for (const odd of ['constructor', '__proto__', 'ubuntu-18.04', '{name}', '@:report.no', 'a | b', '']) {
    expect(value('guest.release', odd)).toBe(odd);
    expect(origin(odd)).toBe(odd);
  }
  expect(fact('guest.fromALaterVersion')).toBe('guest.fromALaterVersion');
});

it('tests of rules are told with the words of their values', async () => {
  const { test } = await wordsIn('en');
  expect(test('machine.firmware', { isNot: 'uefi' })).toBe('not UEFI');
  expect(test('disk.largestBytes', { atMost: 2e12 })).toMatch(/^at most 2\sTB$/);
  expect(test('guest.bootModes', { includes: 'machine.firmware' })).toBe(
    'among them the value of “Firmware of the machine”',
  );
});
