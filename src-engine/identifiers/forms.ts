/**
 * The forms in which files name an identifier: in large and small letters, without hyphens, with hyphens as systemd writes them into the
 * names of units. All of one are as long as each other, so a file in which one is replaced by another stays as long as it was; but not
 * where the name of a group becomes another.
 */
import { groupNameForms } from './group-name-forms.ts';
import type { IdFormat } from './new-ids.ts';

export interface Renaming {
  readonly format: IdFormat | 'group-name';
  readonly before: string;
  readonly after: string;
  /** a group's that gets another name: what its logical volumes are called */
  readonly volumeNames?: readonly string[];
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
  /** names of files that it counts in; left out: in all */
  readonly files?: RegExp;
}

/** A place in a file, and what belongs there. */
interface Match {
  readonly at: number;
  readonly needle: Needle;
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

  /** the same for two that find the same in the same places of their lists, whatever it becomes */
  readonly looksFor: string;

  constructor(renamings: readonly Renaming[]) {
    this.looksFor = JSON.stringify(
      renamings.map(({ format, before, after, volumeNames, joined }) => [
        format,
        before,
        volumeNames,
        joined?.map((one) => one.before),
        format === 'group-name' && after,
      ]),
    );
    this.#needles = renamings.flatMap((renaming, i) => needlesOf(renaming, i));
  }

  /** @param name of the file @returns places in the list of renamings */
  find(bytes: Buffer, name = ''): Set<number> {
    const found = new Set<number>();
    for (const needle of this.#needlesIn(name)) {
      if (!found.has(needle.renaming) && nextPlace(bytes, needle, 0) >= 0) found.add(needle.renaming);
    }
    return found;
  }

  /** Whether a file in which they are replaced gets another length. @param renamings places in the list */
  changesLength(renamings: ReadonlySet<number>): boolean {
    return this.#needles.some(
      ({ renaming, before, after }) => renamings.has(renaming) && before.length !== after.length,
    );
  }

  /** @param chosen places in the list of renamings @returns null where nothing of them is in it */
  replaced(bytes: Buffer, chosen: ReadonlySet<number>, name = ''): Buffer | null {
    const matches: Match[] = [];
    // looked for in what was there: nothing is replaced twice
    for (const needle of this.#needlesIn(name).filter(({ renaming }) => chosen.has(renaming))) {
      for (let at = nextPlace(bytes, needle, 0); at >= 0; at = nextPlace(bytes, needle, at + 1)) {
        matches.push({ at, needle });
      }
    }
    if (matches.length === 0) return null;
    const pieces: Uint8Array[] = [];
    let done = 0;
    // of two that begin in one place, the longer one is meant
    const inOrder = matches.toSorted((a, b) => a.at - b.at || b.needle.before.length - a.needle.before.length);
    for (const { at, needle } of inOrder) {
      if (at < done) continue;
      pieces.push(bytes.subarray(done, at), needle.after);
      done = at + needle.before.length;
    }
    return Buffer.concat([...pieces, bytes.subarray(done)]);
  }

  #needlesIn(name: string): readonly Needle[] {
    return this.#needles.filter(({ files }) => !files || files.test(name));
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

function needlesOf({ format, before, after, joined = [], volumeNames = [] }: Renaming, renaming: number): Needle[] {
  if (format === 'group-name') {
    return groupNameForms(before, after, volumeNames).map((form) => ({
      renaming,
      before: Buffer.from(form.before, 'latin1'),
      after: Buffer.from(form.after, 'latin1'),
      fits: form.fits,
      ...(form.files && { files: form.files }),
    }));
  }
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
