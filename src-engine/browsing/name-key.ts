/** The order of names: as people expect it, and the same in every language. */

/**
 * @returns a text whose order, unit by unit, is that of the names: numbers by their value, letters without regard to case and
 *   accents, and what is equal by then as it is written
 */
export function nameKey(name: string): string {
  const plain = IS_ASCII.test(name) ? name : name.normalize('NFD').replace(ACCENTS, '');
  return `${plain.toLowerCase().replace(NUMBERS, byLength)}\0${name}`;
}

const IS_ASCII = /^[\0-\x7f]*$/;
const ACCENTS = /\p{M}/gu;
const NUMBERS = /0*(\d+)/g;

/** More digits are a larger number. No name has more than 99,999. */
function byLength(_: string, digits: string): string {
  return `${String(digits.length).padStart(5, '0')}${digits}`;
}
