/** How a name that is looked for is compared with those in a folder. */
import { decodeName } from '../names.ts';

/**
 * In folders with casefold, names are equal that differ in case or in how marks are composed. Linux goes by Unicode's
 * canonical caseless matching; here the same is told by upper and lower case, which differs for a few rare letters.
 * @param name as text, see names.ts
 */
export function nameMatcher(name: string, ignoresCase: boolean): (bytes: Buffer) => boolean {
  if (ignoresCase) {
    const folded = fold(name);
    return (bytes) => fold(decodeName(bytes)) === folded;
  }
  // the text of bytes that are no UTF-8
  if (name.includes('\\x')) return (bytes) => decodeName(bytes) === name;
  const expected = Buffer.from(name, 'utf8');
  return (bytes) => expected.equals(bytes);
}

function fold(name: string): string {
  return name.normalize('NFD').toUpperCase().toLowerCase().replaceAll('ς', 'σ').normalize('NFD');
}
