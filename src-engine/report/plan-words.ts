/** Words of checks, notes and volumes in one language, filled with their facts. */
import type { MessageData } from '../contract/errors.ts';
import { countIn, fillFacts, pluralRules, namedFact } from '../words/fill.ts';
import { formatsIn, type Formats } from '../words/formats.ts';
import { reasonSection } from '../words/reasons.ts';
import { reportWords, visible, type ReportLanguage } from './words.ts';

export interface PlanWords {
  /** @param key of the locale; the key itself where there is none; what it is filled with comes from images, and is made visible */
  say(key: string, data?: MessageData): string;
  /** of a code that a later version may have made up */
  known(keys: readonly string[], otherwise: string): string;
  readonly formats: Formats;
  time(iso: string): string;
}

export function planWords(language: ReportLanguage): PlanWords {
  const { t, time } = reportWords(language);
  const formats = formatsIn(language, t);
  const has = (key: string) => t(key) !== key;
  const missing = (name: string) => (has(`missing.${name}`) ? { [name]: t(`missing.${name}`) } : {});
  const say: PlanWords['say'] = (key, data = {}) => {
    const forms = t(key).split(' | ');
    const count = countIn(data);
    const place = pluralRules[language]?.(count, forms.length) ?? (count === 1 ? 0 : 1);
    const form = forms[Math.min(place, forms.length - 1)];
    const facts = fillFacts(data, formats, { wholeDisk: t('missing.wholeDisk') }, (fact, value) =>
      namedFact(fact, value, (word) => (has(word) ? t(word) : null)),
    );
    const section = reasonSection(key);
    const reason = `${section}.${String(data['reason']).replaceAll(' ', '-')}`;
    if (section && has(reason)) facts['reason'] = t(reason);
    const filled = form.replace(/\{(\w+)\}/g, (whole, name: string) => facts[name] ?? missing(name)[name] ?? whole);
    // what stands for itself in a message: {'@'}
    return visible(filled.replace(/\{'([^']*)'\}/g, '$1'));
  };
  return { say, known: (keys, otherwise) => t(keys.find(has) ?? otherwise), formats, time };
}
