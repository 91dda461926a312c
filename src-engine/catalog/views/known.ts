/** Words and facts of records as views have them: what this version does not know is told as unknown. */
import { ERROR_CODES, type ErrorView, type MessageData } from '../../contract/errors.ts';
import { UNKNOWN } from '../../contract/open-words.ts';
import { WARNING_CODES, type Warning } from '../../contract/warnings.ts';
import type { ErrorRecord, WarningRecord } from '../records/index.ts';

/** @returns the word, or null where it is none of these */
export function knownOrNull<const W extends string>(words: readonly W[], word: string | null): W | null {
  return words.find((known) => known === word) ?? null;
}

/** @returns the word, or 'unknown' where it is none of these */
export function known<const W extends string>(words: readonly W[], word: string): W | typeof UNKNOWN {
  return knownOrNull(words, word) ?? UNKNOWN;
}

/** The code of a later version is a fact of the message that stands for it. */
export function warningView({ code, data }: WarningRecord): Warning {
  const own = knownOrNull(WARNING_CODES, code);
  return own ? { code: own, data: facts(data) } : { code: 'UNKNOWN_WARNING', data: { ...facts(data), code } };
}

export function errorView({ code, data, ...words }: ErrorRecord): ErrorView {
  const own = knownOrNull(ERROR_CODES, code);
  return own
    ? { ...words, code: own, data: facts(data) }
    : { ...words, code: 'UNKNOWN_ERROR', data: { ...facts(data), code } };
}

/** What a message cannot carry as it is, it carries as JSON. */
export function facts(data: Record<string, unknown>): MessageData {
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, fact(value)]));
}

function fact(value: unknown): MessageData[string] {
  if (value === null || ['string', 'number', 'boolean'].includes(typeof value)) return value as string;
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value as string[];
  return JSON.stringify(value) ?? '';
}
