/** The words of the pages, as a person reads them: page objects find things by them in either language. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Language } from '../../src-engine/words/languages.ts';

/** @returns what stands for a key, with its facts filled in; throws where there is no such key */
export type Words = (key: string, facts?: Record<string, string | number>) => string;

type Messages = { [key: string]: string | Messages };

export function wordsIn(language: Language): Words {
  const path = join(import.meta.dirname, `../../src-engine/words/${language}.json`);
  const messages = JSON.parse(readFileSync(path, 'utf8')) as Messages;
  return (key, facts = {}) => {
    const found = key
      .split('.')
      .reduce<string | Messages | undefined>((at, part) => (at as Messages)?.[part], messages);
    if (typeof found !== 'string') throw new Error(`There are no words for ${key}`);
    return found.replaceAll(/\{(\w+)\}/g, (_, name: string) => String(facts[name]));
  };
}
