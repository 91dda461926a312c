/**
 * The forms in which files name an identifier: in large and small letters, without hyphens, with hyphens as systemd writes them into the
 * names of units. All of one are as long as each other, so a file in which one is replaced by another stays as long as it was.
 */
import type { IdFormat } from './new-ids.ts';

export interface Renaming {
  readonly format: IdFormat;
  readonly before: string;
  readonly after: string;
  /** a group's: its logical volumes, which device-mapper names by both UUIDs together */
  readonly joined?: readonly Pick<Renaming, 'before' | 'after'>[];
}

/** Whether what stands right before and behind a place leaves it a word of its own. */
type Fits = (before: string, behind: string) => boolean;

interface Needle {
  readonly renaming: number;
  readonly before: Buffer;
  readonly after: Buffer;
  readonly fits: Fits;
}

/** Other characters stand escaped in names of files: `by-uuid\\x2f0a1b…` */
const isWord: Fits = (before, behind) =>
  (!/[0-9A-Za-z]$/.test(before) || /\\x2[df]$/.test(before)) && !/^[0-9A-Za-z]/.test(behind);
/** Short ones are parts of UUIDs too. */
const isShortWord: Fits = (before, behind) => !/[0-9A-Za-z-]$/.test(before) && !/^[0-9A-Za-z-]/.test(behind);
/** PARTUUID in an MBR: the signature, and the number of a partition in two hexadecimal digits. */
const isBeforeNumber: Fits = (before, behind) =>
  !/[0-9A-Za-z]$/.test(before) && /^[0-9a-fA-F]{2}(?![0-9A-Za-z-])/.test(behind);
const LOOK_BYTES = 4;
/** systemd.unit(5), string escaping */
const ESCAPED_HYPHEN = '\\x2d';

export class IdForms {
  readonly #needles: Needle[];

  constructor(renamings: readonly Renaming[]) {
    this.#needles = renamings.flatMap((renaming, i) => needlesOf(renaming, i));
  }

  /** @returns places in the list of renamings */
  find(bytes: Buffer): Set<number> {
    const found = new Set<number>();
    for (const needle of this.#needles) {
      if (!found.has(needle.renaming) && nextPlace(bytes, needle, 0) >= 0) found.add(needle.renaming);
    }
    return found;
  }

  /** @param chosen places in the list of renamings @returns null where nothing of them is in it */
  replaced(bytes: Buffer, chosen: ReadonlySet<number>): Buffer | null {
    let changed: Buffer | null = null;
    for (const needle of this.#needles.filter(({ renaming }) => chosen.has(renaming))) {
      // looked for in what was there: nothing is replaced twice
      for (let at = nextPlace(bytes, needle, 0); at >= 0; at = nextPlace(bytes, needle, at + 1)) {
        changed ??= Buffer.from(bytes);
        needle.after.copy(changed, at);
      }
    }
    return changed;
  }
}

function nextPlace(bytes: Buffer, { before, fits }: Needle, from: number): number {
  for (let at = bytes.indexOf(before, from); at >= 0; at = bytes.indexOf(before, at + 1)) {
    const end = at + before.length;
    const left = bytes.toString('latin1', Math.max(0, at - LOOK_BYTES), at);
    if (fits(left, bytes.toString('latin1', end, end + LOOK_BYTES))) return at;
  }
  return -1;
}

function needlesOf({ format, before, after, joined = [] }: Renaming, renaming: number): Needle[] {
  const needle = (old: string, now: string, fits: Fits): Needle => ({
    renaming,
    before: Buffer.from(old, 'latin1'),
    after: Buffer.from(now, 'latin1'),
    fits,
  });
  const plain = (text: string) => text.replaceAll('-', '');
  const escaped = (text: string) => text.replaceAll('-', ESCAPED_HYPHEN);
  if (format === 'lvm') {
    return [
      needle(before, after, isWord),
      needle(plain(before), plain(after), isWord),
      ...joined.map((one) => needle(plain(before) + plain(one.before), plain(after) + plain(one.after), isWord)),
    ];
  }
  const lower: [string, string] = [before.toLowerCase(), after.toLowerCase()];
  const upper: [string, string] = [before.toUpperCase(), after.toUpperCase()];
  // one without letters is written as it usually is
  const usual = format === 'serial' ? upper : lower;
  const inCases = lower[0] === upper[0] ? [usual] : [lower, upper];
  return inCases.flatMap(([old, now]) => {
    if (format === 'signature') {
      return ['-', ESCAPED_HYPHEN].map((hyphen) => needle(old + hyphen, now + hyphen, isBeforeNumber));
    }
    if (format === 'serial') return [needle(old, now, isShortWord), needle(escaped(old), escaped(now), isWord)];
    return [(text: string) => text, plain, escaped].map((form) => needle(form(old), form(now), isWord));
  });
}
