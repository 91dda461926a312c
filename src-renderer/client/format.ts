/** Numbers as a person uses them: sizes, rates, durations, dates, in the language's own units. */
import { useI18n } from 'vue-i18n';

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;
export type Unit = (typeof UNITS)[number];

/** Splits a size into a number of at most three significant digits and its decimal unit. */
export function scaleBytes(lengthBytes: number): { value: number; unit: Unit } {
  let value = lengthBytes;
  let step = 0;
  // 999.6 would be written as 1000: it belongs to the next unit.
  while (Number(value.toPrecision(3)) >= 1000 && step < UNITS.length - 1) {
    value /= 1000;
    step++;
  }
  return { value: step === 0 ? value : Number(value.toPrecision(3)), unit: UNITS[step] };
}

const MULTIPLES: Record<string, number> = {
  '': 1,
  k: 1e3,
  m: 1e6,
  g: 1e9,
  t: 1e12,
  ki: 2 ** 10,
  mi: 2 ** 20,
  gi: 2 ** 30,
  ti: 2 ** 40,
};

/** Reads a size as people write it: `20 GB`, `20Go`, `1.5 TiB`, `500 000`. Null where it is none. */
export function parseBytes(text: string): number | null {
  const match = /^\s*([\d\s\u00a0\u202f]+(?:[.,]\d+)?)\s*([kmgt]?i?)\s*(?:b|o|octets?|bytes?)?\s*$/i.exec(text);
  if (!match) return null;
  const value = Number(match[1].replace(/[\s\u00a0\u202f]/g, '').replace(',', '.'));
  const multiple = MULTIPLES[match[2].toLowerCase()];
  if (!Number.isFinite(value) || multiple === undefined) return null;
  const lengthBytes = Math.round(value * multiple);
  return lengthBytes <= Number.MAX_SAFE_INTEGER ? lengthBytes : null;
}

/** The formats of the current language. Call it in a component's set-up. */
export function useFormat() {
  const { t, locale } = useI18n();

  const number = (value: number) => new Intl.NumberFormat(locale.value).format(value);

  /** A phrase with a number in it, in the right plural: its message counts with `{n}`. */
  const count = (key: string, n: number) => t(key, { n: number(n) }, n);

  /** `31.2 GB`, `31,2 Go` */
  function bytes(lengthBytes: number) {
    const { value, unit } = scaleBytes(lengthBytes);
    return t('units.size', { value: number(value), unit: t(`units.${unit}`) });
  }

  /** `31,236,812,800 bytes`: for those who compare */
  const exactBytes = (lengthBytes: number) => t('units.exact', { value: number(lengthBytes) });

  const rate = (bytesPerSecond: number) => t('units.rate', { size: bytes(Math.round(bytesPerSecond)) });

  const percent = (share: number) =>
    new Intl.NumberFormat(locale.value, { style: 'percent', maximumFractionDigits: 0 }).format(share);

  /** How long something took: `45 s`, `2 min 30 s`, `1 h 05 min`. */
  function duration(ms: number) {
    if (ms < 950) return t('units.ms', { n: number(Math.round(ms)) });
    const seconds = Math.round(ms / 1000);
    if (seconds < 60) return t('units.s', { n: seconds });
    const minutes = Math.floor(seconds / 60);
    if (minutes < 60) return t('units.minS', { m: minutes, s: String(seconds % 60).padStart(2, '0') });
    return t('units.hMin', { h: Math.floor(minutes / 60), m: String(minutes % 60).padStart(2, '0') });
  }

  /** How long something will take, no finer than can be told: `40 s`, `2 min`, `1 h 10 min`. */
  function estimate(ms: number) {
    const seconds = ms / 1000;
    if (seconds < 10) return t('units.fewSeconds');
    if (seconds < 55) return t('units.s', { n: Math.round(seconds / 5) * 5 });
    const minutes = Math.max(1, Math.round(seconds / 60));
    if (minutes < 60) return t('units.min', { m: minutes });
    return t('units.hMin', {
      h: Math.floor(minutes / 60),
      m: String(Math.round((minutes % 60) / 5) * 5).padStart(2, '0'),
    });
  }

  const dateTime = (iso: string) =>
    new Intl.DateTimeFormat(locale.value, { dateStyle: 'medium', timeStyle: 'short' }).format(new Date(iso));
  const date = (iso: string) => new Intl.DateTimeFormat(locale.value, { dateStyle: 'medium' }).format(new Date(iso));
  const time = (iso: string) => new Intl.DateTimeFormat(locale.value, { timeStyle: 'short' }).format(new Date(iso));

  /** The time of a moment of today, the date of another. */
  const moment = (iso: string) =>
    new Date(iso).toDateString() === new Date().toDateString() ? t('units.today', { time: time(iso) }) : date(iso);

  const list = (items: readonly string[]) => new Intl.ListFormat(locale.value, { type: 'conjunction' }).format(items);

  return { number, count, bytes, exactBytes, rate, percent, duration, estimate, dateTime, date, time, moment, list };
}

export type Format = ReturnType<typeof useFormat>;
