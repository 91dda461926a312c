/** The command line's words: its own, and those of codes that it shares with the pages. */
import {
  compile,
  createCoreContext,
  registerLocaleFallbacker,
  registerMessageCompiler,
  registerMessageResolver,
  fallbackWithLocaleChain,
  resolveValue,
  translate,
} from '@intlify/core-base';
import type { MessageData } from '../../src-engine/contract/index.ts';
import enShared from '../../src-engine/words/en.json' with { type: 'json' };
import frShared from '../../src-engine/words/fr.json' with { type: 'json' };
import enOwn from '../../src-engine/words/cli.en.json' with { type: 'json' };
import frOwn from '../../src-engine/words/cli.fr.json' with { type: 'json' };
import { countIn, fillFacts, pluralRules, namedFact } from '../../src-engine/words/fill.ts';
import { formatsIn } from '../../src-engine/words/formats.ts';
import { placeKind, reasonSection } from '../../src-engine/words/reasons.ts';
import type { Language } from '../../src-engine/words/languages.ts';

registerMessageCompiler(compile);
registerMessageResolver(resolveValue);
registerLocaleFallbacker(fallbackWithLocaleChain);

/** What the environment asks for, English where it asks for neither. */
export function preferredLanguage(env: NodeJS.ProcessEnv): Language {
  const wanted = env.LC_ALL || env.LC_MESSAGES || env.LANG || '';
  return wanted.toLowerCase().startsWith('fr') ? 'fr' : 'en';
}

export interface Words {
  readonly language: Language;
  /** @param key of `cli.*` or of the shared words @param data fills the placeholders, sizes first made readable */
  t(key: string, data?: MessageData): string;
  /** A word for a code that an image may have made up. @param otherwise where there is none */
  shared(key: string, otherwise: string): string;
  /** what is said of something, as the language writes it: `Disk: full`, `Disque : plein` */
  said(what: string, text: string): string;
  bytes(lengthBytes: number): string;
  rate(bytesPerSecond: number): string;
  percent(share: number): string;
  duration(ms: number): string;
  date(iso: string): string;
}

/** @returns a message in which nothing is filled in or chosen, as most are: hundreds of them describe commands; null: it is another kind, or not there */
function asWritten(messages: object, key: string): string | null {
  let found: unknown = messages;
  for (const part of key.split('.')) found = (found as Record<string, unknown> | null | undefined)?.[part];
  return typeof found === 'string' && !/[{}|@]/.test(found) ? found : null;
}

export function createWords(language: Language): Words {
  const messages = { en: { ...enShared, cli: enOwn }, fr: { ...frShared, cli: frOwn } };
  const context = createCoreContext({
    locale: language,
    fallbackLocale: 'en',
    messages,
    pluralRules,
    missingWarn: false,
    fallbackWarn: false,
  });
  const plain = (key: string, data: Record<string, unknown> = {}, plural = 1) =>
    asWritten(messages[language], key) ??
    String((translate as (...args: unknown[]) => unknown)(context, key, data, plural));
  const shared = (key: string, otherwise: string) => {
    const word = plain(key);
    return word === key || word === '' ? otherwise : word;
  };
  const reasonOf = (section: string, reason: unknown) =>
    shared(`${section}.${String(reason).replaceAll(' ', '-')}`, String(reason));
  /** Why a request is not valid: in words of ours where there are some, else as it was said, of the option that it is about. */
  const notValid = ({ reason, field }: MessageData, facts: Record<string, string>) => {
    const key = `notValid.${String(reason).replaceAll(' ', '-')}`;
    const words = plain(key, facts);
    if (words !== key && words !== '') return words;
    const isNamed = typeof field === 'string' && field !== '' && field !== reason;
    return isNamed ? plain('report.said', { fact: field, value: String(reason) }) : facts.reason;
  };
  const missing = messages[language].missing as Record<string, string>;
  const formats = formatsIn(language, plain);
  const fill = (data: MessageData) =>
    fillFacts(data, formats, missing, (key, value) => namedFact(key, value, (word) => shared(word, '') || null));
  const { bytes, rate, percent, duration, dateTime } = formats;
  /** some reasons, and some places, have advice of their own */
  const ofReason = (key: string, data: MessageData) => {
    if (!key.startsWith('error.')) return key;
    const ends = [String(data.reason).replaceAll(' ', '-'), placeKind(data)];
    return ends.map((end) => `${key}-${end}`).find((own) => plain(own) !== own) ?? key;
  };
  const told = (key: string, data: MessageData): string => {
    // what was cancelled before it began has left nothing behind
    if (data.begun === false && key.startsWith('error.ABORTED.'))
      return plain(key.replace('error.ABORTED', 'cli.not-begun'));
    if (key === 'error.BAD_REQUEST.what') {
      const facts = fill(data);
      return plain(key, { ...facts, reason: notValid(data, facts) });
    }
    const section = reasonSection(key);
    const facts = section === null ? data : { ...data, reason: reasonOf(section, data.reason) };
    return plain(ofReason(key, data), fill(facts), countIn(data));
  };
  /** words without facts: a list of thousands says the same few over and over */
  const alone = new Map<string, string>();
  return {
    language,
    t(key, data) {
      if (data) return told(key, data);
      const words = alone.get(key) ?? told(key, {});
      alone.set(key, words);
      return words;
    },
    shared,
    said: (what, text) => plain('report.said', { fact: what, value: text }),
    bytes,
    rate,
    percent,
    duration,
    date: dateTime,
  };
}
