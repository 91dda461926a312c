/** JSON that is kept in a file of its own with its sum in a second line, so that a bit of it that flips is noticed. */
import { createHash } from 'node:crypto';

const sumOf = (json: string) => createHash('sha256').update(json).digest('hex');

/** @param json in one line */
export const withSum = (json: string): Buffer => Buffer.from(`${json}\n${sumOf(json)}\n`);

/** @returns the JSON, and whether the sum behind it is its own; null: it has none */
export function summedText(text: string): { json: string; isSound: boolean | null } {
  const [json, sum, ...rest] = text.split('\n');
  return { json, isSound: sum === undefined ? null : sum === sumOf(json) && rest.join('') === '' };
}
