/** Options that take a number or one of some words: what is neither is told before anything is asked of the engine. */
import { CommandError, type MessageData } from '../../src-engine/contract/index.ts';
import { parseBytes } from '../../src-engine/words/sizes.ts';

/** @param reason whose words are `notValid.REASON`, filled with the data */
export function badOption(field: string, reason: string, data: MessageData = {}): CommandError {
  return new CommandError({ code: 'BAD_REQUEST', message: field, hint: '', data: { field, reason, ...data } });
}

/** @returns what reads a whole number; throws `BAD_REQUEST` with the option and what it takes */
export function wholeNumber(field: string, min: number, max: number = Number.MAX_SAFE_INTEGER) {
  return (text: string): number => {
    const value = /^\d{1,16}$/.test(text.trim()) ? Number(text) : NaN;
    if (value >= min && value <= max) return value;
    // as they are typed, and not as sizes
    throw badOption(field, 'number', { value: text, min: String(min), max: String(max) });
  };
}

/** @returns what reads a size as people write it: `3G`, `20 GB`, `500000`; throws `BAD_REQUEST` with the option and what it takes */
export function sizeOf(field: string) {
  return (text: string): number => {
    const value = parseBytes(text);
    if (value === null || value < 1) throw badOption(field, 'size', { value: text });
    return value;
  };
}

/** Of values that the contract names: `--kind <standard|flex|bare-metal|lab>`. */
export const oneOf = (values: readonly string[]) => `<${values.join('|')}>`;

/** @returns what takes one of the words; throws `BAD_REQUEST` with the option and all of them */
export function wordOf<const W extends string>(field: string, values: readonly W[]) {
  return (text: string): W => {
    const word = values.find((value) => value === text);
    if (word === undefined) throw badOption(field, 'choice', { value: text, values: values.join(', ') });
    return word;
  };
}

/** What may be given several times. */
export const collect = (value: string, list: string[] = []) => [...list, value];
