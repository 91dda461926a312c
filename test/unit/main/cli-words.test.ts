/** The command line says everything in both languages. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CHANGE_REASONS, ERROR_CODES, EXIT_CODES } from '../../../src-engine/contract/index.ts';
import { planWords } from '../../../src-engine/report/plan-words.ts';
import { createWords, preferredLanguage } from '../../../src-main/cli/words.ts';
import { LANGUAGES } from '../../../src-engine/words/languages.ts';
import en from '../../../src-engine/words/cli.en.json' with { type: 'json' };
import fr from '../../../src-engine/words/cli.fr.json' with { type: 'json' };

type Tree = { [key: string]: string | Tree };

/** Every message by its path, with the placeholders that it fills. */
function placeholders(tree: Tree, path = ''): [string, string[]][] {
  return Object.entries(tree).flatMap(([key, value]) =>
    typeof value === 'string'
      ? [[`${path}${key}`, [...value.matchAll(/\{\w+\}/g)].map(([name]) => name).sort()] as [string, string[]]]
      : placeholders(value, `${path}${key}.`),
  );
}

describe('words of the command line', () => {
  it('are the same in both languages, with the same placeholders', () => {
    expect(placeholders(fr)).toEqual(placeholders(en));
  });

  it.each(LANGUAGES)('say what happened, what that means and what to do for every error: %s', (language) => {
    const words = createWords(language);
    for (const code of ERROR_CODES) {
      for (const part of ['what', 'state', 'todo']) {
        const key = `error.${code}.${part}`;
        expect(words.t(key)).not.toBe(key);
        expect(words.t(key)).not.toMatch(/[{}]/);
      }
    }
  });

  it.each(LANGUAGES)('say why a partition table cannot be used: %s', (language) => {
    const said = ['GPT_DAMAGED', 'PARTITIONS_INVALID', 'SECTOR_UNREADABLE', 'SECTOR_SIZE_UNCLEAR'].map((reason) =>
      createWords(language).t('warning.TABLE_UNREADABLE', { reason }),
    );
    expect(new Set(said).size).toBe(4);
    expect(said.join()).not.toMatch(/_|[{}]/);
  });

  it('write sizes as the language does', () => {
    expect(createWords('en').bytes(31_236_812_800)).toBe('31.2\u00a0GB');
    expect(createWords('fr').bytes(31_236_812_800)).toMatch(/^31,2\sGo$/);
  });

  it.each([
    [{ LC_ALL: 'fr_FR.UTF-8', LANG: 'en_US.UTF-8' }, 'fr'],
    [{ LANG: 'fr_CA' }, 'fr'],
    [{ LANG: 'de_DE.UTF-8' }, 'en'],
    [{}, 'en'],
  ])('follow the environment %o', (env, language) => {
    expect(preferredLanguage(env)).toBe(language);
  });
});

it('every exit code stands in the README', () => {
  const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');
  for (const code of new Set(Object.values(EXIT_CODES))) expect(readme).toMatch(new RegExp(`^\\| ${code}\\s+\\|`, 'm'));
});

it.each(LANGUAGES)('what is wrong with the place or the name of a machine is a sentence: %s', (language) => {
  const { t } = createWords(language);
  const said = (reason: string) =>
    t('error.VM_PLACE_INVALID.what', { place: 'qemu:99999999', field: reason, reason })
      .split(/:(?= )/)
      .at(-1)!;
  for (const fault of ['host', 'user', 'port', 'name', 'path', 'pid'])
    expect(said(fault).trim().split(' ').length).toBeGreaterThan(3);
  const name = t('error.BAD_REQUEST.what', { field: 'name', value: 'a;b', reason: 'vm-name' });
  expect(name).toContain('a;b');
  expect(name).toContain('. _ + -');
  expect(name).not.toContain('@');
});

it.each(LANGUAGES)('what is set in a guest, or stays of its identity, is told by its name: %s', (language) => {
  const inCommandLine = createWords(language);
  const inReports = planWords(language);
  for (const code of ['SETTING_IMPOSSIBLE', 'IDENTITY_KEPT']) {
    const bare = inCommandLine.t(`check.${code}`, { setting: 'such-a-thing' });
    expect(bare).toContain('such-a-thing');
    for (const setting of CHANGE_REASONS) {
      const told = inCommandLine.t(`check.${code}`, { setting });
      expect(inReports.say(`check.${code}`, { setting })).toBe(told);
      const name = told.slice(
        bare.indexOf('such-a-thing'),
        told.length - bare.length + bare.indexOf('such-a-thing') + 12,
      );
      expect(name).toMatch(/^(\p{Lu}|cloud-init)/u);
    }
  }
});
