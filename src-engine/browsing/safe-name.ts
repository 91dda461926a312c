/** Names from inside an image as names of files on this machine: nothing leads out, nothing is taken for something else. */

/** Windows takes these for devices, with any ending: Microsoft, "Naming Files, Paths, and Namespaces". */
const RESERVED = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)/i;
/** What most file systems take. */
const MAX_BYTES = 255;
/** A name that is cut has room for a number, too. */
const CUT_BYTES = 240;

/**
 * @param forWindows also what only Windows does not take; else separators, control characters, '.' and '..'
 * @returns a name that is not '' and has no separator
 */
export function safeName(name: string, forWindows = process.platform === 'win32'): string {
  let safe = name.replace(/[/\0-\x1f\x7f]/g, '_').replace(/[\u202a-\u202e\u2066-\u2069]/g, '_');
  if (forWindows) {
    safe = safe.replace(/[\\<>:"|?*]/g, '_').replace(/[. ]+$/, '_');
    if (RESERVED.test(safe)) safe = `_${safe}`;
  }
  if (/^\.{0,2}$/.test(safe)) safe = '_'.repeat(Math.max(1, safe.length));
  return shortened(safe);
}

function shortened(name: string): string {
  if (Buffer.byteLength(name) <= MAX_BYTES) return name;
  let short = name.slice(0, CUT_BYTES);
  while (Buffer.byteLength(short) > CUT_BYTES) short = short.slice(0, -1);
  return short;
}

/** Gives every name of one folder once. */
export class UniqueNames {
  readonly #taken = new Map<string, number>();
  readonly #plain: (name: string) => string;

  /** @param isExact names that differ in case, or in how their letters are composed, are two */
  constructor(isExact: boolean) {
    this.#plain = isExact ? (name) => name : (name) => name.normalize('NFC').toLowerCase();
  }

  take(name: string): string {
    const plain = this.#plain(name);
    let number = this.#taken.get(plain) ?? 1;
    let unique = name;
    while (this.#taken.has(this.#plain(unique))) unique = withNumber(name, ++number);
    this.#taken.set(this.#plain(unique), 1);
    if (unique !== name) this.#taken.set(plain, number);
    return unique;
  }
}

function withNumber(name: string, number: number): string {
  const dot = name.lastIndexOf('.');
  const [stem, ending] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ''];
  return `${stem} (${number})${ending}`;
}
