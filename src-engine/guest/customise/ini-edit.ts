/** Files of `[section]` and `key=value`: keyfiles of NetworkManager, units of systemd. */
import { appendLines, mapLines, splitLines } from './text-lines.ts';

const SECTION = /^\s*\[([^\]]*)\]/;

/** The name and the value of a line, without spaces around them; null for comments and everything else. */
function entryIn(line: string): { key: string; value: string } | null {
  const at = line.indexOf('=');
  const key = at < 0 ? '' : line.slice(0, at).trim();
  return key === '' || /^[#;[]/.test(key) ? null : { key, value: line.slice(at + 1).trim() };
}

/** The last value of a key, without spaces around it; '' where there is none. */
export function iniValue(text: string, section: string, key: string): string {
  let here = '';
  let value = '';
  for (const { body } of splitLines(text)) {
    here = SECTION.exec(body)?.[1] ?? here;
    const entry = entryIn(body);
    if (entry?.key === key && here === section) value = entry.value;
  }
  return value;
}

export function withoutIniKey(text: string, section: string, key: string): string {
  let here = '';
  return mapLines(text, (body) => {
    here = SECTION.exec(body)?.[1] ?? here;
    return here === section && entryIn(body)?.key === key ? [] : body;
  });
}

/** Sets a key in the first section of that name, which is added where there is none. */
export function withIniKey(text: string, section: string, key: string, value: string): string {
  const rest = withoutIniKey(text, section, key);
  let isDone = false;
  const edited = mapLines(rest, (body) => {
    if (isDone || SECTION.exec(body)?.[1] !== section) return body;
    isDone = true;
    return [body, `${key}=${value}`];
  });
  return isDone ? edited : appendLines(rest, [`[${section}]`, `${key}=${value}`]);
}
