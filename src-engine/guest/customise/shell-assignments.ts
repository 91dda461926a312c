/** Changes `NAME=value` lines of files that a shell reads: /etc/default, /etc/sysconfig, locale.conf. */
import { appendLines, mapLines, splitLines } from './text-lines.ts';

const NAME = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=/;

/** @returns a word that any shell reads as that value */
function shellQuoted(value: string): string {
  return /^[A-Za-z0-9_@%+:,./-]+$/.test(value) ? value : `"${value.replace(/["$`\\]/g, '\\$&')}"`;
}

export const hasAssignment = (text: string, name: string): boolean =>
  splitLines(text).some(({ body }) => NAME.exec(body)?.[1] === name);

/** Sets one name; of several lines with it the last counts, and is the one that changes. */
export function setAssignment(text: string, name: string, value: string): string {
  const lines = splitLines(text);
  const at = lines.findLastIndex(({ body }) => NAME.exec(body)?.[1] === name);
  const isQuoted = at >= 0 && /=\s*"/.test(lines[at].body);
  const word = isQuoted && !shellQuoted(value).startsWith('"') ? `"${value}"` : shellQuoted(value);
  if (at < 0) return appendLines(text, [`${name}=${word}`]);
  return mapLines(text, (body, index) => (index === at ? `${NAME.exec(body)![0]}${word}` : body));
}

/** Takes all lines of some names out. */
export function removeAssignments(text: string, isRemoved: (name: string) => boolean): string {
  return mapLines(text, (body) => {
    const name = NAME.exec(body)?.[1];
    return name !== undefined && isRemoved(name) ? [] : body;
  });
}
