/** Numbers as a person uses them: sizes, rates, durations, dates, in the language's own units. */
import type { Language } from './languages.ts';
import { scaleBytes } from './sizes.ts';

/** Looks a message up and fills it; whoever shows words has a way of its own to do that. */
export type Translate = (key: string, facts?: Record<string, string | number>) => string;

export interface Formats {
  number(value: number): string;
  /** `31.2 GB`, `31,2 Go` */
  bytes(lengthBytes: number): string;
  /** `31,236,812,800 bytes`: for those who compare */
  exactBytes(lengthBytes: number): string;
  rate(bytesPerSecond: number): string;
  percent(share: number): string;
  /** how long something took: `45 s`, `2 min 30 s`, `1 h 05 min` */
  duration(ms: number): string;
  /** how long something will take, no finer than can be told: `40 s`, `2 min`, `1 h 10 min` */
  estimate(ms: number): string;
  dateTime(iso: string): string;
  date(iso: string): string;
  time(iso: string): string;
  /** the time of a moment of today, the date of another */
  moment(iso: string): string;
  list(items: readonly string[]): string;
}

/** Slow to make: nobody waits for those that nothing is said with, and there may be a line for each of many files. */
function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

/** @param t the words of that language: `units.*` */
export function formatsIn(language: Language, t: Translate): Formats {
  const numbers = once(() => new Intl.NumberFormat(language));
  const shares = once(() => new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 0 }));
  const lists = once(() => new Intl.ListFormat(language, { type: 'conjunction' }));
  const dates = once(() => new Intl.DateTimeFormat(language, { dateStyle: 'medium' }));
  const times = once(() => new Intl.DateTimeFormat(language, { timeStyle: 'short' }));
  const dateTimes = once(() => new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' }));

  const number = (value: number) => numbers().format(value);
  const twoDigits = (value: number) => String(value).padStart(2, '0');
  const date = (iso: string) => dates().format(new Date(iso));
  const time = (iso: string) => times().format(new Date(iso));
  const hours = (h: number, m: number) => t('units.hMin', { h, m: twoDigits(m) });

  function bytes(lengthBytes: number) {
    const { value, unit } = scaleBytes(lengthBytes);
    return t('units.size', { value: number(value), unit: t(`units.${unit}`) });
  }

  function duration(ms: number) {
    if (ms < 950) return t('units.ms', { n: number(Math.round(ms)) });
    const seconds = Math.round(ms / 1000);
    if (seconds < 60) return t('units.s', { n: seconds });
    const minutes = Math.floor(seconds / 60);
    if (minutes < 60) return t('units.minS', { m: minutes, s: twoDigits(seconds % 60) });
    return hours(Math.floor(minutes / 60), minutes % 60);
  }

  function estimate(ms: number) {
    const seconds = ms / 1000;
    if (seconds < 10) return t('units.fewSeconds');
    if (seconds < 55) return t('units.s', { n: Math.round(seconds / 5) * 5 });
    const minutes = Math.max(1, Math.round(seconds / 60));
    if (minutes < 60) return t('units.min', { m: minutes });
    return hours(Math.floor(minutes / 60), Math.round((minutes % 60) / 5) * 5);
  }

  return {
    number,
    bytes,
    exactBytes: (lengthBytes) => t('units.exact', { value: number(lengthBytes) }),
    rate: (bytesPerSecond) => t('units.rate', { size: bytes(Math.round(bytesPerSecond)) }),
    percent: (share) => shares().format(share),
    duration,
    estimate,
    dateTime: (iso) => dateTimes().format(new Date(iso)),
    date,
    time,
    moment: (iso) =>
      new Date(iso).toDateString() === new Date().toDateString() ? t('units.today', { time: time(iso) }) : date(iso),
    list: (items) => lists().format(items),
  };
}
