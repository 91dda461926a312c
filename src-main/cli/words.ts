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
import enShared from '../../src-renderer/locales/en.json' with { type: 'json' };
import frShared from '../../src-renderer/locales/fr.json' with { type: 'json' };
import enOwn from './locales/en.json' with { type: 'json' };
import frOwn from './locales/fr.json' with { type: 'json' };

registerMessageCompiler(compile);
registerMessageResolver(resolveValue);
registerLocaleFallbacker(fallbackWithLocaleChain);

export const LANGUAGES = ['en', 'fr'] as const;
export type Language = (typeof LANGUAGES)[number];

/** What the environment asks for, English where it asks for neither. */
export function preferredLanguage(env: NodeJS.ProcessEnv): Language {
  const wanted = env.LC_ALL || env.LC_MESSAGES || env.LANG || '';
  return wanted.toLowerCase().startsWith('fr') ? 'fr' : 'en';
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;

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
  // made once: they are slow to make, and there may be a line for each of many files
  const numbers = new Intl.NumberFormat(language);
  const dates = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' });
  const number = (value: number) => numbers.format(value);
  const plain = (key: string, data: Record<string, unknown> = {}) =>
    String((translate as (...args: unknown[]) => unknown)(context, key, data));
  const shared = (key: string, otherwise: string) => {
    const word = plain(key);
    return word === key || word === '' ? otherwise : word;
  };
  const reasonOf = (reason: unknown) => shared(`notCatalog.${String(reason).replaceAll(' ', '-')}`, String(reason));
  const missing = messages[language].missing as Record<string, string>;

  const bytes = (lengthBytes: number) => {
    let value = lengthBytes;
    let step = 0;
    while (Number(value.toPrecision(3)) >= 1000 && step < UNITS.length - 1) {
      value /= 1000;
      step++;
    }
    return plain('units.size', {
      value: number(step === 0 ? value : Number(value.toPrecision(3))),
      unit: plain(`units.${UNITS[step]}`),
    });
  };

  return {
    language,
    t(key, data = {}) {
      const filled: Record<string, string> = { ...missing };
      // why there is no catalog has words of its own
      if (key.startsWith('error.CATALOG_NOT_FOUND.')) data = { ...data, reason: reasonOf(data.reason) };
      for (const [name, value] of Object.entries(data)) {
        if (value === null || value === '') continue;
        if (Array.isArray(value)) filled[name] = value.join(', ');
        else if (typeof value !== 'number') filled[name] = String(value);
        else if (/sectorBytes$/i.test(name)) filled[name] = plain('units.exact', { value: number(value) });
        else filled[name] = name.endsWith('Bytes') ? bytes(value) : number(value);
      }
      return plain(key, filled);
    },
    shared,
    bytes,
    rate: (bytesPerSecond) => plain('units.rate', { size: bytes(Math.round(bytesPerSecond)) }),
    duration(ms) {
      const seconds = Math.round(ms / 1000);
      if (seconds < 60) return plain('units.s', { n: seconds });
      const minutes = Math.floor(seconds / 60);
      if (minutes < 60) return plain('units.minS', { m: minutes, s: String(seconds % 60).padStart(2, '0') });
      return plain('units.hMin', { h: Math.floor(minutes / 60), m: String(minutes % 60).padStart(2, '0') });
    },
    date: (iso) => dates.format(new Date(iso)),
  };
}
