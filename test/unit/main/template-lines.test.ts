/** A template as text: nothing twice; what was done to it on one line; counts and marks as the language writes them. */
import { expect, test } from 'vitest';
import type { TemplateView } from '../../../src-engine/contract/index.ts';
import { LANGUAGES, type Language } from '../../../src-engine/words/languages.ts';
import { untoldVersion } from '../../../src-engine/catalog/damaged-rows.ts';
import { answerLines } from '../../../src-main/cli/text-reports.ts';
import { createWords } from '../../../src-main/cli/words.ts';

const warning = { code: 'CHECKSUM_MISMATCH', data: {} } as const;
const version = untoldVersion(1, 'damaged');
const [disk] = version.disks;
const twoDisks = [disk, disk].map((one) => ({
  ...one,
  source: { ...one.source, path: '/images/m.ova' },
  layout: { ...one.layout, warnings: [warning] },
}));
const template: TemplateView = {
  id: '00000000-0000-4000-8000-000000000001',
  name: 'lab',
  note: '',
  tags: ['a'],
  kind: 'lab',
  status: 'active',
  visibility: 'private',
  licence: 'none',
  owner: '',
  sharedWith: [],
  policy: null,
  createdAt: version.createdAt,
  updatedAt: version.createdAt,
  deletedAt: null,
  versions: [
    {
      ...version,
      disks: twoDisks,
      warnings: [
        { ...warning, data: { disk: 1 } },
        { code: 'SWAP_HIBERNATED', data: { disk: 2 } },
      ],
    },
  ],
};
const shown = (language: Language) => answerLines(createWords(language), { kind: 'template', value: template });

test('each warning of a disk stands once, below its disk; what is told of none of them at the end', () => {
  const lines = shown('en').filter((line) => line.startsWith('!'));
  expect(lines).toHaveLength(3);
  expect(lines[0]).toBe(lines[1]);
  expect(lines[2]).toMatch(/^! Disk 2: The swap space/);
});

test('one image file of several disks is named once', () => {
  expect(shown('en').filter((line) => line.includes('captured'))).toEqual([
    expect.stringMatching(/from \/images\/m\.ova$/),
  ]);
});

test.each(LANGUAGES)('what was done to it is one line, with the way back: %s', (language) => {
  for (const what of ['edited', 'deleted', 'undeleted'] as const) {
    const done = { what, name: 'lab@1', fields: ['note', 'tags'] };
    const lines = answerLines(createWords(language), { kind: 'template', value: template, done });
    expect(lines).toHaveLength(1);
    if (what === 'deleted') expect(lines[0]).toMatch(/diskpress undelete lab@1$/);
  }
});

test('no line of French has a mark without its narrow space', () => {
  for (const line of shown('fr')) expect(line).not.toMatch(/[^\s\d/\u202f]: |[ \u00a0]:/);
});

test.each([
  ['en', 'cli.checks-passed', ['0 checks passed.', '1 check passed.', '2 checks passed.']],
  ['fr', 'cli.checks-passed', ['0 contrôle réussi.', '1 contrôle réussi.', '2 contrôles réussis.']],
  ['en', 'cli.rules', ['0 rules.', '1 rule.', '2 rules.']],
  ['fr', 'cli.rules-passed', ['0 règle satisfaite.', '1 règle satisfaite.', '2 règles satisfaites.']],
] as const)('%s counts: %s', (language, key, expected) => {
  const { t } = createWords(language);
  expect([0, 1, 2].map((count) => t(key, { count }))).toEqual(expected);
});

test('what counts places says so of one, too', () => {
  const { t } = createWords('en');
  const said = (places: number) => t('warning.SECTORS_UNREADABLE', { lengthBytes: 512, places });
  expect(said(1)).toContain('in 1 place could');
  expect(said(3)).toContain('in 3 places could');
});
