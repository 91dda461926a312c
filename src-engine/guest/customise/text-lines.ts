/** Lines of a configuration file, of which some are changed: all others stay byte for byte, with the ends that they have. */

/** @returns the lines without their ends, each with its own end: '\n', '\r\n', or '' for a last line that has none */
export function splitLines(text: string): { body: string; end: string }[] {
  const lines: { body: string; end: string }[] = [];
  for (let at = 0; at < text.length;) {
    const newline = text.indexOf('\n', at);
    const next = newline < 0 ? text.length : newline + 1;
    const bodyEnd = newline < 0 ? text.length : newline > at && text[newline - 1] === '\r' ? newline - 1 : newline;
    lines.push({ body: text.slice(at, bodyEnd), end: text.slice(bodyEnd, next) });
    at = next;
  }
  return lines;
}

/** @param change what becomes of a line: another one, several, or none */
export function mapLines(text: string, change: (body: string, index: number) => string | readonly string[]): string {
  const between = lineEnd(text);
  return splitLines(text)
    .map(({ body, end }, index) => {
      const made = change(body, index);
      const lines = typeof made === 'string' ? [made] : made;
      return lines.length === 0 ? '' : lines.join(end || between) + end;
    })
    .join('');
}

/** @returns the end that a text's lines have */
export const lineEnd = (text: string): string => (/\r\n/.test(text.slice(0, 65_536)) ? '\r\n' : '\n');

/** Adds lines behind the others, whether or not the last one has an end. */
export function appendLines(text: string, lines: readonly string[]): string {
  const end = lineEnd(text);
  const start = text === '' || text.endsWith('\n') ? text : text + end;
  return start + lines.map((line) => line + end).join('');
}
