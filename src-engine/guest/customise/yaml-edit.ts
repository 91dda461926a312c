/** Takes entries out of YAML and leaves every other byte of it as it is. Aliases are not followed. */
import { isMap, isScalar, parseDocument, type Pair, type YAMLMap } from 'yaml';
import { CannotChange } from './cannot-change.ts';

const MAX_YAML_CHARACTERS = 256 * 1024;

/** @returns the map at the top; null for an empty text. @throws CannotChange */
export function parseYamlMap(path: string, text: string): YAMLMap | null {
  try {
    if (text.length > MAX_YAML_CHARACTERS) throw new RangeError('too long');
    const document = parseDocument(text, { logLevel: 'silent' });
    if (document.errors.length === 0 && (document.contents === null || isMap(document.contents)))
      return document.contents as YAMLMap | null;
  } catch (error) {
    // of what is nested too deeply
    if (!(error instanceof RangeError)) throw error;
  }
  throw new CannotChange('yaml-unreadable', { path });
}

export const keyOf = (pair: Pair): string => (isScalar(pair.key) ? String(pair.key.value) : '');

/** The entry at some keys; undefined where there is none. */
export function pairAt(map: YAMLMap | null, keys: readonly string[]): Pair | undefined {
  const pair = map?.items.find((one) => keyOf(one) === keys[0]);
  if (keys.length <= 1 || !pair) return pair;
  return isMap(pair.value) ? pairAt(pair.value, keys.slice(1)) : undefined;
}

/** The text at some keys, '' where there is no text. */
export function scalarAt(map: YAMLMap | null, keys: readonly string[]): string {
  const value = pairAt(map, keys)?.value;
  return isScalar(value) ? String(value.value) : '';
}

/** Takes one entry out; a map that has no other becomes `{}`. @throws CannotChange where what is left is no YAML */
export function withoutPair(path: string, text: string, keys: readonly string[]): string {
  const top = parseYamlMap(path, text);
  const pair = pairAt(top, keys);
  const above = keys.length > 1 ? pairAt(top, keys.slice(0, -1)) : undefined;
  const parent = above ? (above.value as YAMLMap) : top;
  if (!pair || !parent) return text;
  const edited = cut(text, parent, pair, above);
  parseYamlMap(path, edited);
  return edited;
}

/** Takes some keys of one map out. @throws CannotChange */
export function withoutKeys(path: string, text: string, map: readonly string[], keys: readonly string[]): string {
  const top = parseYamlMap(path, text);
  const there = keys.filter((key) => pairAt(top, [...map, key]));
  return there.reduce((rest, key) => withoutPair(path, rest, [...map, key]), text);
}

function cut(text: string, parent: YAMLMap, pair: Pair, above: Pair | undefined): string {
  const at = parent.items.indexOf(pair);
  const start = startOf(pair);
  const end = endOf(pair);
  if (parent.flow) {
    const next = parent.items.at(at + 1);
    if (at + 1 < parent.items.length && next) return text.slice(0, start) + text.slice(startOf(next));
    return text.slice(0, at > 0 ? endOf(parent.items[at - 1]) : start) + text.slice(end);
  }
  const lineStart = text.lastIndexOf('\n', start - 1) + 1;
  const newline = text.indexOf('\n', end - 1);
  const lineEnd = text[end - 1] === '\n' ? end : newline < 0 ? text.length : newline + 1;
  const rest = text.slice(0, lineStart) + text.slice(lineEnd);
  if (parent.items.length > 1 || !above) return rest;
  const colon = text.indexOf(':', (above.key as { range: [number, number, number] }).range[1]);
  return `${rest.slice(0, colon + 1)} {}${rest.slice(colon + 1)}`;
}

type Ranged = { range?: [number, number, number] | null } | null;
const startOf = (pair: Pair): number => (pair.key as Ranged)?.range?.[0] ?? 0;
const endOf = (pair: Pair): number => (pair.value as Ranged)?.range?.[1] ?? (pair.key as Ranged)?.range?.[1] ?? 0;
