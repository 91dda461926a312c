/** Both languages say everything: every code of the contract, every key that a page asks for, with the same facts. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  BOOT_FIRMWARES,
  BOOT_LINK_CODES,
  BOOT_LINK_STATES,
  CAPTURED_AS,
  CHECK_CODES,
  CLAIM_KINDS,
  ERROR_CODES,
  FILE_SYSTEM_KINDS,
  IMAGE_FORMATS,
  GROUP_KINDS,
  ID_OWNERS,
  IDENTITIES,
  IDENTITY_REASONS,
  IDENTITY_THINGS,
  JOB_KINDS,
  KINDS,
  LICENCES,
  MEDIA,
  OUTCOMES,
  OUTSIDE_CHOICES,
  OUTSIDE_PLACES,
  PHASES,
  READ_BACKS,
  REFUSAL_CODES,
  SETTING_CODES,
  STATUSES,
  TABLES,
  UNKNOWN,
  VISIBILITIES,
  WARNING_CODES,
} from '../../../src-engine/contract/index.ts';
import { FACT_IDS } from '../../../src-engine/policies/facts.ts';

const RENDERER = join(import.meta.dirname, '../../../src-renderer');

type Messages = { [key: string]: string | Messages };
const read = (language: string) =>
  JSON.parse(readFileSync(join(RENDERER, `../src-engine/words/${language}.json`), 'utf8')) as Messages;

function flatten(messages: Messages, prefix = ''): [string, string][] {
  return Object.entries(messages).flatMap(([key, value]): [string, string][] =>
    typeof value === 'string' ? [[prefix + key, value]] : flatten(value, `${prefix}${key}.`),
  );
}

const en = new Map(flatten(read('en')));
const fr = new Map(flatten(read('fr')));
/** of the command line */
const cliEn = flatten(read('cli.en'));
const cliFr = flatten(read('cli.fr'));
const placeholders = (message: string) =>
  [...new Set([...message.matchAll(/\{(\w+)\}/g)].map(([, name]) => name))].sort();

/** What a later version wrote has words too. */
const withUnknown = <T extends string>(words: readonly T[]) => [...words, UNKNOWN];

describe('locales', () => {
  it('have the same keys', () => {
    expect([...fr.keys()].sort()).toEqual([...en.keys()].sort());
  });

  it('have the same facts in every message', () => {
    const different = [...en].filter(
      ([key, message]) => `${placeholders(message)}` !== `${placeholders(fr.get(key) ?? '')}`,
    );
    expect(different).toEqual([]);
  });

  it('have the same number of plural forms in every message', () => {
    const forms = (message: string) => message.split(' | ').length;
    expect([...en].filter(([key, message]) => forms(message) !== forms(fr.get(key) ?? ''))).toEqual([]);
  });

  it.each([
    ['error', ERROR_CODES.flatMap((code) => ['what', 'state', 'todo'].map((part) => `${code}.${part}`))],
    ['warning', WARNING_CODES],
    ['check', CHECK_CODES],
    ['refusal', REFUSAL_CODES],
    ['phase', withUnknown(PHASES)],
    ['waits', CLAIM_KINDS],
    ['outcome', withUnknown(OUTCOMES)],
    ['job.kind', withUnknown(JOB_KINDS)],
    ['job.title', withUnknown(JOB_KINDS)],
    ['job.verdict', withUnknown(JOB_KINDS)],
    ['job.cancel', withUnknown(JOB_KINDS)],
    ['job.after.aborted', withUnknown(JOB_KINDS)],
    ['job.after.lost', withUnknown(JOB_KINDS)],
    ['job.place', withUnknown(JOB_KINDS)],
    ['job.readBack', withUnknown(READ_BACKS)],
    ['kind', withUnknown(KINDS)],
    ['status', withUnknown(STATUSES)],
    ['visibility', withUnknown(VISIBILITIES)],
    ['licence', withUnknown(LICENCES)],
    ['medium', withUnknown(MEDIA)],
    ['table', withUnknown(TABLES)],
    ['captureAs', withUnknown(CAPTURED_AS)],
    ['group', withUnknown(GROUP_KINDS)],
    ['fileSystem', withUnknown(FILE_SYSTEM_KINDS)],
    ['imageFormat', IMAGE_FORMATS],
    ['account.place', withUnknown(OUTSIDE_PLACES)],
    ['account.choiceOf', withUnknown(OUTSIDE_CHOICES)],
    ['identity', IDENTITY_THINGS],
    [
      'identityPlan',
      withUnknown(IDENTITY_REASONS.flatMap((one) => (one === 'asked' ? IDENTITIES.map((is) => `asked-${is}`) : one))),
    ],
    ['idOwner', withUnknown(ID_OWNERS)],
    ['setting', SETTING_CODES],
    ['bootChain.firmware', withUnknown(BOOT_FIRMWARES)],
    ['bootChain.state', withUnknown(BOOT_LINK_STATES)],
    ['bootChain.link', BOOT_LINK_CODES],
    ['fact', FACT_IDS],
  ] as const)('have words for every %s', (section, codes) => {
    expect(codes.filter((code) => !en.has(`${section}.${code}`))).toEqual([]);
  });

  it('have no words for codes that are no more', () => {
    const known = new Set<string>([
      ...IDENTITY_THINGS,
      ...SETTING_CODES,
      ...ERROR_CODES,
      ...WARNING_CODES,
      ...CHECK_CODES,
      ...REFUSAL_CODES,
      ...withUnknown(PHASES),
    ]);
    const sections = /^(?:error|warning|check|refusal|phase|identity|setting)\.([^.]+)/;
    const stray = [...en.keys()].filter((key) => sections.test(key) && !known.has(sections.exec(key)?.[1] ?? ''));
    expect(stray).toEqual([]);
  });

  it('say in general terms whatever an error, a warning or a check may not carry', () => {
    const coded = [...en].filter(([key]) => /^(error|warning|check|refusal)\./.test(key));
    const facts = new Set(coded.flatMap(([, message]) => placeholders(message)));
    expect([...facts].filter((fact) => !en.has(`missing.${fact}`))).toEqual([]);
  });

  it('carry no markup, no exclamation marks and no pleading', () => {
    const bad = /<[a-z/]|!|\bplease\b|\bsuccessfully\b|veuillez|avec succès/i;
    expect([...en, ...fr].filter(([, message]) => bad.test(message))).toEqual([]);
  });

  it('put a narrow no-break space before French double marks and units, and inside its quotes', () => {
    const units = /(?:\d|\}) (?:[kMGTP]?o|[KMGT]io|ms|s|min|octets|secondes)(?![\p{L}’])/u;
    const marks = /[ \u00a0][:;?»]|«(?!\u202f)|[^\u202f\s]»/;
    expect([...fr, ...cliFr].filter(([, message]) => marks.test(message) || units.test(message))).toEqual([]);
  });

  it('write apostrophes as print does', () => {
    const straight = /[a-z]'[a-zéèêàâ]/i;
    expect([...en, ...cliEn, ...fr, ...cliFr].filter(([, message]) => straight.test(message))).toEqual([]);
  });

  it('tell a person in French what to do as one speaks to them, not by infinitives', () => {
    const told = /^(?:error\..*\.todo|refusal\.|check\.|warning\.)/;
    /** at the beginning of a sentence, where it is not what the sentence is about: « Réessayer est sans danger » */
    const infinitive =
      /(?:^|[.;] )(?:Le |La |Les |L’|En )?[A-ZÀ-Ý]?[a-zà-ÿ]+(?:er|ir|ire|[dt]re)\b(?![^.;]*\b(?:est|peut|donne)\b)|\bpuis [a-zà-ÿ]+(?:er|ir)\b/g;
    const nouns = /(?:fichier|dossier|premier|dernier|ordre|autre)$/i;
    const wrong = [...fr].filter(
      ([key, message]) => told.test(key) && (message.match(infinitive) ?? []).some((found) => !nouns.test(found)),
    );
    expect(wrong).toEqual([]);
  });
});

describe('pages', () => {
  const sources = readdirSync(RENDERER, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.(vue|ts)$/.test(path))
    .map((path) => readFileSync(join(RENDERER, path), 'utf8'));

  it('ask for no message that is not there', () => {
    const asked = sources.flatMap((text) =>
      [...text.matchAll(/\b(?:t|count)\(\s*'([a-z]+(?:\.[\w-]+)+)'/gi)].map(([, key]) => key),
    );
    expect(asked.length).toBeGreaterThan(200);
    expect([...new Set(asked)].filter((key) => !en.has(key))).toEqual([]);
  });

  it('use every message', () => {
    const all = sources.join('\n');
    const built = [...all.matchAll(/\bt\(\s*`([^`$]+)\$\{/g)].map(([, start]) => start);
    const sections = [
      'missing.',
      'setting.',
      'vmNote.',
      'bootChain.',
      'entryReason.',
      'driverReason.',
      'identity.',
      'identityPlan.',
      'idOwner.',
      'guestReason.',
      'placeFault.',
      'withheld.',
      'guestChange.',
      'notCatalog.',
      'writeReason.',
      'internalReason.',
      'readFirstReason.',
      'wholeReason.',
      'tableReason.',
      'units.',
      'log.',
      'fileSystem.',
      'partitionType.',
      'fact.',
      'report.',
      'planDocument.',
      ...built,
    ];
    const unused = [...en.keys()].filter(
      (key) => !all.includes(`'${key}'`) && !sections.some((start) => key.startsWith(start)),
    );
    expect(unused).toEqual([]);
  });
});
