/** What is meant by what was typed. Pure. */
import { plainText } from '../client/plain-text.ts';

/**
 * Those whose names have all the words that were typed, first those where a word of the name begins with the first of them.
 * Case and accents do not matter.
 * @param most so many at most
 */
export function findCommands<T extends { readonly name: string }>(all: readonly T[], typed: string, most: number): T[] {
  const words = plainText(typed).split(/\s+/).filter(Boolean);
  if (words.length === 0) return all.slice(0, most);
  const found = all.flatMap((one) => {
    const name = plainText(one.name);
    if (!words.every((word) => name.includes(word))) return [];
    return [{ one, isFirst: name.split(/[^\p{L}\p{N}]+/u).some((part) => part.startsWith(words[0])) }];
  });
  return [...found.filter(({ isFirst }) => isFirst), ...found.filter(({ isFirst }) => !isFirst)]
    .slice(0, most)
    .map(({ one }) => one);
}
