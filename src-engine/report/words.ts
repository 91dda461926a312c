/** Words of a report in one language, and values as a person reads them. */
import type { FactValue, PolicyWords } from '../contract/report.contract.ts';
import en from '../words/en.json' with { type: 'json' };
import { formatsIn } from '../words/formats.ts';
import fr from '../words/fr.json' with { type: 'json' };
import type { Language } from '../words/languages.ts';

export type ReportLanguage = Language;

interface Messages {
  readonly [key: string]: string | Messages;
}
const MESSAGES: Record<ReportLanguage, Messages> = { en, fr };

/** Values come from images and profiles: what is longer says nothing more to a reader. */
const MAX_VALUE_LENGTH = 2000;

export interface ReportWords {
  /** @param key of the locale; the key itself where there is none */
  t(key: string, data?: Readonly<Record<string, string | number>>): string;
  /** the words that a policy brings along */
  own(words: PolicyWords): string;
  /** a fact in words; of a fact that a later version knows, its id */
  fact(id: string): string;
  /** @param fact whose value it is: ids that end with Bytes are sizes */
  value(fact: string, value: FactValue | null): string;
  origin(origin: string): string;
  /** a point in time, in UTC: a report travels */
  time(iso: string): string;
}

export function reportWords(language: ReportLanguage): ReportWords {
  const messages = MESSAGES[language];
  const times = new Intl.DateTimeFormat(language, { dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC' });
  const found = (key: string) => messageAt(messages, key);
  const t: ReportWords['t'] = (key, data = {}) =>
    (found(key) ?? key).replace(/\{(\w+)\}/g, (whole, name: string) =>
      Object.hasOwn(data, name) ? String(data[name]) : whole,
    );
  const { bytes, number } = formatsIn(language, t);
  const single = (fact: string, value: Exclude<FactValue, string[]>): string => {
    if (typeof value === 'boolean') return t(value ? 'report.yes' : 'report.no');
    if (typeof value === 'number') return fact.endsWith('Bytes') ? bytes(value) : number(value);
    return visible(found(`report.is.${value}`) ?? value);
  };
  return {
    t,
    own: (words) => visible(words[language]),
    fact: (id) => visible(found(`fact.${id}`) ?? id),
    value(fact, value) {
      if (value === null) return t('report.unknown');
      if (!Array.isArray(value)) return cut(single(fact, value));
      return value.length === 0 ? t('report.nothing') : cut(value.map((element) => single(fact, element)).join(', '));
    },
    origin: (origin) => cut(visible(found(`report.from.${origin.replaceAll(' ', '-')}`) ?? origin)),
    time: (iso) => `${times.format(new Date(iso))} UTC`,
  };
}

function messageAt(messages: Messages, key: string): string | undefined {
  let at: string | Messages | undefined = messages;
  for (const name of key.split('.')) {
    if (typeof at !== 'object' || !Object.hasOwn(at, name)) return undefined;
    at = at[name];
  }
  return typeof at === 'string' ? at : undefined;
}

function cut(text: string): string {
  return text.length > MAX_VALUE_LENGTH ? `${text.slice(0, MAX_VALUE_LENGTH)}…` : text;
}

/** Text from inside an image on one line: what has no shape of its own, or turns the line round, stands as a code. */
export function visible(text: string): string {
  return text.replace(/[\t\r\n]+/g, ' ').replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Cn}\p{Zl}\p{Zp}]/gu, (character) => {
    return `\\u{${character.codePointAt(0)!.toString(16)}}`;
  });
}
