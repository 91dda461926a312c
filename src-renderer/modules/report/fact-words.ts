/** Facts of rules and their values, as a person reads them. */
import { useI18n } from 'vue-i18n';
import type { FactValue, PolicyWords, RuleView } from '../../../src-engine/contract/index.ts';
import { useFormat } from '../../client/format.ts';

type Words = Readonly<Record<string, string>>;

/** Call it in a component's set-up. */
export function useFactWords() {
  const { t, te, tm, locale } = useI18n();
  const format = useFormat();

  /** Values come from images and profiles: what is no word of ours is told as it is. */
  function wordOf(section: string, value: string): string | null {
    const words = tm(section) as Words;
    return Object.hasOwn(words, value) ? words[value] : null;
  }

  /** Of a fact that a later version knows, its id. */
  const fact = (id: string) => (te(`fact.${id}`, 'en') ? t(`fact.${id}`) : id);

  function single(id: string, value: string | number | boolean): string {
    if (typeof value === 'boolean') return t(value ? 'report.yes' : 'report.no');
    if (typeof value === 'number') return id.endsWith('Bytes') ? format.bytes(value) : format.number(value);
    return wordOf('report.is', value) ?? value;
  }

  /** @param id the fact whose value it is: those that end with Bytes are sizes */
  function value(id: string, of: FactValue | null): string {
    if (of === null) return t('report.unknown');
    if (!Array.isArray(of)) return single(id, of);
    return of.length ? format.list(of.map((element) => single(id, element))) : t('report.nothing');
  }

  const origin = (from: string) => wordOf('report.from', from.replaceAll(' ', '-')) ?? from;

  /** The words that a policy brings along. */
  const own = (words: PolicyWords) => words[locale.value === 'fr' ? 'fr' : 'en'];

  /** `is one of: centos-5, centos-6` */
  function test(id: string, asked: RuleView['test']): string {
    const [name, wanted] = Object.entries(asked)[0] ?? ['', ''];
    const words = name === 'includes' ? fact(String(wanted)) : value(id, wanted);
    return t(`report.test.${name}`, { value: words });
  }

  return { fact, value, origin, own, test };
}

export type FactWords = ReturnType<typeof useFactWords>;
