/** Permission bits as people know them from `ls -l`. Pure. */

/** Where set-user, set-group and sticky show themselves: in the place of each third letter. */
const SPECIAL = [
  { bit: 0o4000, letter: 's' },
  { bit: 0o2000, letter: 's' },
  { bit: 0o1000, letter: 't' },
];

/** @returns nine letters, such as `rwxr-xr-x`; small letters stand for a special bit with the right to execute, capitals for one without */
export function modeLetters(mode: number): string {
  return SPECIAL.map(({ bit, letter }, i) => {
    const three = (mode >> (6 - 3 * i)) & 0o7;
    const mayExecute = (three & 0o1) !== 0;
    const plain = mayExecute ? 'x' : '-';
    const special = mayExecute ? letter : letter.toUpperCase();
    return `${three & 0o4 ? 'r' : '-'}${three & 0o2 ? 'w' : '-'}${mode & bit ? special : plain}`;
  }).join('');
}

/** @returns four octal digits, such as `0755` */
export const modeDigits = (mode: number): string => mode.toString(8).padStart(4, '0');
