/** Names from inside an image as names of files on this machine: nothing leads out, nothing is taken for something else. */

/** Windows takes these for devices, with any ending: Microsoft, "Naming Files, Paths, and Namespaces". */
const RESERVED = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)/i;
const MAX_BYTES = 240;

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

/** Most file systems take 255 bytes; some room is left for a number. */
function shortened(name: string): string {
  let short = name;
  while (Buffer.byteLength(short) > MAX_BYTES + 15) short = short.slice(0, -1);
  return short;
}

/** Gives every name of one folder once, also where case does not count. */
export class UniqueNames {
  readonly #taken = new Set<string>();

  take(name: string): string {
    const dot = name.lastIndexOf('.');
    const [stem, ending] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ''];
    let unique = name;
    for (let n = 2; this.#taken.has(unique.toLowerCase()); n++) unique = `${stem} (${n})${ending}`;
    this.#taken.add(unique.toLowerCase());
    return unique;
  }
}
