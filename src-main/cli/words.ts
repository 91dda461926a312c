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
import { fillFacts } from '../../src-engine/words/fill.ts';
import { formatsIn } from '../../src-engine/words/formats.ts';
import { reasonSection } from '../../src-engine/words/reasons.ts';
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
  bytes(lengthBytes: number): string;
  rate(bytesPerSecond: number): string;
  duration(ms: number): string;
  date(iso: string): string;
}

export function createWords(language: Language): Words {
  const messages = { en: { ...enShared, cli: enOwn }, fr: { ...frShared, cli: frOwn } };
  const context = createCoreContext({
    locale: language,
    fallbackLocale: 'en',
    messages,
    missingWarn: false,
    fallbackWarn: false,
  });
  const plain = (key: string, data: Record<string, unknown> = {}) =>
    String((translate as (...args: unknown[]) => unknown)(context, key, data));
  const shared = (key: string, otherwise: string) => {
    const word = plain(key);
    return word === key || word === '' ? otherwise : word;
  };
  const reasonOf = (section: string, reason: unknown) =>
    shared(`${section}.${String(reason).replaceAll(' ', '-')}`, String(reason));
  const missing = messages[language].missing as Record<string, string>;
  const formats = formatsIn(language, plain);
  const { bytes, rate, duration, dateTime } = formats;
  return {
    language,
    t(key, data = {}) {
      const section = reasonSection(key);
      const told = section === null ? data : { ...data, reason: reasonOf(section, data.reason) };
      return plain(key, fillFacts(told, formats, missing));
    },
    shared,
    bytes,
    rate,
    duration,
    date: dateTime,
  };
}
