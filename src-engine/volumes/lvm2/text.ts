/**
 * The text format of LVM2's metadata: sections in braces, `key = value`, lists in brackets, comments from `#` to the end of the
 * line. The manual page lvm.conf(5), "Syntax"; LVM2, libdm/libdm-config.c.
 */
import { EngineError } from '../../core/engine-error.ts';

export type ConfigValue = string | number | readonly (string | number)[];

export interface ConfigSection {
  readonly values: ReadonlyMap<string, ConfigValue>;
  readonly sections: ReadonlyMap<string, ConfigSection>;
}

/** Metadata has four levels: group, volumes, volume, segment. */
const MAX_DEPTH = 8;
/** Values, elements of lists and sections. */
const MAX_NODES = 500_000;

type Token = { readonly kind: 'mark' | 'string' | 'word' | 'end'; readonly text: string };

const BLANK = /\s+|#[^\n]*/y;
const WORD = /[^\s{}[\]=,"#]+/y;
const NUMBER = /^[+-]?\d+(\.\d*)?$/;

function refuse(at: number): never {
  throw new EngineError('FORMAT_INVALID', { field: 'metadata text', value: String(at) });
}

/** @returns a function that gives one token after the other, and 'end' for ever */
function tokens(text: string): () => Token {
  let at = 0;
  function matched(pattern: RegExp): string | null {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0] ?? null;
    if (found !== null) at += found.length;
    return found;
  }
  function quoted(): string {
    let end = at + 1;
    for (; text[end] !== '"'; end++) {
      if (text[end] === '\\') end++;
      if (end >= text.length) refuse(at);
    }
    const inside = text.slice(at + 1, end);
    at = end + 1;
    return inside.replaceAll(/\\([^])/g, '$1');
  }
  return () => {
    while (matched(BLANK) !== null);
    if (at >= text.length) return { kind: 'end', text: '' };
    if (text[at] === '"') return { kind: 'string', text: quoted() };
    const word = matched(WORD);
    return word !== null ? { kind: 'word', text: word } : { kind: 'mark', text: text[at++] };
  };
}

/** @throws EngineError `FORMAT_INVALID` for text that breaks the syntax, says a thing twice, or goes past the limits */
export function parseMetadata(text: string): ConfigSection {
  const next = tokens(text);
  let nodes = 0;
  function count(): void {
    if (++nodes > MAX_NODES) refuse(nodes);
  }
  function scalar(token: Token): string | number {
    count();
    if (token.kind === 'string') return token.text;
    return token.kind === 'word' && NUMBER.test(token.text) ? Number(token.text) : refuse(nodes);
  }
  function value(): ConfigValue {
    const first = next();
    if (!isMark(first, '[')) return scalar(first);
    const list: (string | number)[] = [];
    for (let token = next(); !isMark(token, ']'); token = next()) {
      list.push(scalar(token));
      const after = next();
      if (isMark(after, ']')) break;
      if (!isMark(after, ',')) refuse(nodes);
    }
    return list;
  }
  function section(depth: number): ConfigSection {
    if (depth > MAX_DEPTH) refuse(nodes);
    const values = new Map<string, ConfigValue>();
    const sections = new Map<string, ConfigSection>();
    for (;;) {
      const name = next();
      if (depth === 0 ? name.kind === 'end' : isMark(name, '}')) return { values, sections };
      count();
      if (name.kind === 'mark' || name.kind === 'end' || values.has(name.text) || sections.has(name.text)) {
        refuse(nodes);
      }
      const after = next();
      if (isMark(after, '{')) sections.set(name.text, section(depth + 1));
      else if (isMark(after, '=')) values.set(name.text, value());
      else refuse(nodes);
    }
  }
  return section(0);
}

const isMark = (token: Token, mark: string) => token.kind === 'mark' && token.text === mark;

/** A section with other values, and other sections in it. */
export const changedSection = (
  section: ConfigSection,
  values: Readonly<Record<string, ConfigValue>>,
  sections: Iterable<readonly [string, ConfigSection]> = [],
): ConfigSection => ({
  values: new Map([...section.values, ...Object.entries(values)]),
  sections: new Map([...section.sections, ...sections]),
});
