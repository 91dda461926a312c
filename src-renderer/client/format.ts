/** Numbers as a person uses them, in the language that is chosen now. */
import { computed } from 'vue';
import { useI18n } from 'vue-i18n';
import { formatsIn, type Formats } from '../../src-engine/words/formats.ts';
import type { Language } from '../../src-engine/words/languages.ts';

export interface Format extends Formats {
  /** a phrase with a number in it, in the right plural: its message counts with `{n}` */
  count(key: string, n: number): string;
}

/** The formats of the current language. Call it in a component's set-up. */
export function useFormat(): Format {
  const { t, locale } = useI18n();
  const now = computed(() => formatsIn(locale.value as Language, (key, facts) => t(key, facts ?? {})));
  return {
    count: (key, n) => t(key, { n: now.value.number(n) }, n),
    number: (value) => now.value.number(value),
    bytes: (lengthBytes) => now.value.bytes(lengthBytes),
    exactBytes: (lengthBytes) => now.value.exactBytes(lengthBytes),
    rate: (bytesPerSecond) => now.value.rate(bytesPerSecond),
    percent: (share) => now.value.percent(share),
    duration: (ms) => now.value.duration(ms),
    estimate: (ms) => now.value.estimate(ms),
    dateTime: (iso) => now.value.dateTime(iso),
    date: (iso) => now.value.date(iso),
    time: (iso) => now.value.time(iso),
    moment: (iso) => now.value.moment(iso),
    list: (items) => now.value.list(items),
  };
}
