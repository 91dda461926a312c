/** A form over fields that others may change meanwhile. Pure. */

type Value = string | readonly string[];
export type Fields<K extends string> = Readonly<Record<K, Value>>;

const isSame = (a: Value, b: Value) => JSON.stringify(a) === JSON.stringify(b);

interface Merged<T> {
  /** what the form goes on from */
  seen: T;
  mine: T;
}

const keysOf = <T extends object>(fields: T) => Object.keys(fields) as (keyof T)[];

/** Fields that differ from what was seen. */
export const changedIn = <K extends string>(seen: Fields<K>, mine: Fields<K>): K[] =>
  (keysOf(mine) as K[]).filter((key) => !isSame(seen[key], mine[key]));

/**
 * What others changed and this form did not is taken over; what both changed alike is settled.
 * @param now as it is in the catalog
 */
export function takeOver<K extends string, T extends Fields<K>>(seen: T, mine: T, now: T): Merged<T> {
  const merged = { seen: { ...seen }, mine: { ...mine } };
  for (const key of keysOf(now)) {
    if (isSame(seen[key], mine[key])) merged.mine[key] = now[key];
    if (isSame(now[key], merged.mine[key])) merged.seen[key] = now[key];
  }
  return merged;
}

/** Fields that both changed, each in their own way: to be chosen by a person. */
export const clashesOf = <K extends string>(seen: Fields<K>, mine: Fields<K>, now: Fields<K>): K[] =>
  changedIn(seen, mine).filter((key) => !isSame(seen[key], now[key]) && !isSame(mine[key], now[key]));
