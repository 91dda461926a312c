/** passwd(5), shadow(5), group(5), gshadow(5): lines of fields between colons, of which one is changed or added. */
import { CannotChange } from './cannot-change.ts';
import type { Owner } from './draft.ts';
import { lineEnd, mapLines, splitLines } from './text-lines.ts';

export interface Account extends Owner {
  readonly name: string;
  readonly home: string;
}

/** Ids that systems take for nobody. */
const MAX_ID = 4_294_967_294;

/** The fields of the first line of that name, which is the one that counts; null where there is none. */
export function entryOf(text: string, name: string): string[] | null {
  const line = splitLines(text).find(({ body }) => body.startsWith(`${name}:`));
  return line ? line.body.split(':') : null;
}

/** Changes the first line of that name. */
export function withEntry(text: string, name: string, change: (fields: string[]) => string[]): string {
  let isDone = false;
  return mapLines(text, (body) => {
    if (isDone || !body.startsWith(`${name}:`)) return body;
    isDone = true;
    return change(body.split(':')).join(':');
  });
}

/** Adds a line behind the others, in front of what leads to a directory service: `+`, `-`, `+@group`. */
export function withNewEntry(text: string, fields: readonly string[]): string {
  const lines = splitLines(text);
  const end = lineEnd(text);
  const first = lines.findIndex(({ body }) => /^[+-]/.test(body));
  const at = first < 0 ? lines.length : first;
  const before = lines.slice(0, at).map(({ body, end: own }) => body + (own || end));
  const after = lines.slice(at).map(({ body, end: own }) => body + own);
  return [...before, fields.join(':') + end, ...after].join('');
}

/** @throws CannotChange */
export function idIn(path: string, fields: readonly string[] | null, at: number): number {
  const id = /^\d{1,10}$/.test(fields?.[at] ?? '') ? Number(fields![at]) : Infinity;
  if (id > MAX_ID) throw new CannotChange('account-line', { path, name: fields?.[0].slice(0, 100) ?? '' });
  return id;
}

/** All ids of a file that can be told. */
export function idsIn(text: string): Set<number> {
  return new Set(
    splitLines(text)
      .map(({ body }) => body.split(':')[2] ?? '')
      .filter((id) => /^\d{1,10}$/.test(id))
      .map(Number),
  );
}

/** As useradd(8) does: above the highest that is taken in the range, or the lowest that is free. @throws CannotChange */
export function freeId(taken: ReadonlySet<number>, min: number, max: number, path: string): number {
  const highest = [...taken].filter((id) => id >= min && id <= max).reduce((a, b) => Math.max(a, b), min - 1);
  if (highest < max) return highest + 1;
  for (let id = min; id <= max; id++) if (!taken.has(id)) return id;
  throw new CannotChange('no-free-id', { path, min, max });
}

export function withMember(fields: readonly string[], user: string): string[] {
  const members = (fields[3] ?? '').split(',').filter((name) => name !== '');
  if (members.includes(user)) return [...fields];
  return [fields[0], fields[1] ?? '', fields[2] ?? '', [...members, user].join(','), ...fields.slice(4)];
}
