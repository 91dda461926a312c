/** Files of shell assignments: os-release(5), lsb-release, /etc/sysconfig, /etc/default. Read, never run. */

const MAX_LINES = 5000;

/** @returns the values by name; quotes are taken off, of two lines with one name the later counts, as in a shell */
export function parseAssignments(text: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const line of text.split('\n', MAX_LINES)) {
    const match = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]{0,99})=(.{0,1000})/.exec(line);
    if (match) values.set(match[1], unquoted(match[2].trim()));
  }
  return values;
}

function unquoted(value: string): string {
  const quote = value[0];
  if ((quote !== '"' && quote !== "'") || value.length < 2 || value.at(-1) !== quote) return value;
  const inner = value.slice(1, -1);
  return quote === '"' ? inner.replace(/\\(["$`\\])/g, '$1') : inner;
}
