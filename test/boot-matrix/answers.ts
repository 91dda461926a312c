/** What a running guest says of itself (guest/answers.sh), part by part. */

/** The lines of each part, by its name. */
export type Answers = Readonly<Record<string, readonly string[]>>;

/** @param text parts, each behind a line `=== name` */
export function partsOf(text: string): Answers {
  const parts: Record<string, string[]> = {};
  let lines: string[] = [];
  // a line is a terminal to some, who paint it
  for (const line of text.replace(/\r|\x1b\[[0-9;]*m/g, '').split('\n')) {
    const name = /^=== (\S+)$/.exec(line)?.[1];
    if (name) parts[name] = lines = [];
    else if (line.trim() !== '') lines.push(line.trim());
  }
  return parts;
}
