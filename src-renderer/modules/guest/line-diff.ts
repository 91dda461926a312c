/** The lines of a text that went and that came, with a few around them. Pure. */
export interface DiffLine {
  readonly sign: '+' | '-' | ' ' | '…';
  readonly text: string;
}

/** Longer texts are compared line by line without regard to their order: that takes no table of all pairs. */
const MOST_LINES = 600;
/** Lines that stay as they are, before and behind one that does not. */
const AROUND = 2;

/** @param before '': it was not there */
export function lineDiff(before: string, after: string): DiffLine[] {
  const [old, now] = [before, after].map(linesOf);
  const all = old.length > MOST_LINES || now.length > MOST_LINES ? asSets(old, now) : inOrder(old, now);
  const isNear = all.map((_, i) => all.slice(Math.max(0, i - AROUND), i + AROUND + 1).some(({ sign }) => sign !== ' '));
  return all.flatMap((line, i): DiffLine[] => {
    if (isNear[i]) return [line];
    // one mark for all that is left out
    return i === 0 || isNear[i - 1] ? [{ sign: '…', text: '' }] : [];
  });
}

/** A last line end begins no further line. */
const linesOf = (text: string) => (text === '' ? [] : text.replace(/\n$/, '').split('\n'));

function asSets(old: readonly string[], now: readonly string[]): DiffLine[] {
  const [before, after] = [new Set(old), new Set(now)];
  return [
    ...old.filter((text) => !after.has(text)).map((text) => ({ sign: '-' as const, text })),
    ...now.filter((text) => !before.has(text)).map((text) => ({ sign: '+' as const, text })),
  ];
}

/** The longest common subsequence, from its end to its beginning. */
function inOrder(old: readonly string[], now: readonly string[]): DiffLine[] {
  const width = now.length + 1;
  const longest = new Uint16Array((old.length + 1) * width);
  for (let i = old.length - 1; i >= 0; i--) {
    for (let j = now.length - 1; j >= 0; j--) {
      const [below, beside] = [longest[(i + 1) * width + j], longest[i * width + j + 1]];
      longest[i * width + j] = old[i] === now[j] ? longest[(i + 1) * width + j + 1] + 1 : Math.max(below, beside);
    }
  }
  const lines: DiffLine[] = [];
  let [i, j] = [0, 0];
  while (i < old.length || j < now.length) {
    if (i < old.length && j < now.length && old[i] === now[j]) {
      lines.push({ sign: ' ', text: old[i++] });
      j++;
    } else if (i < old.length && (j >= now.length || longest[(i + 1) * width + j] >= longest[i * width + j + 1])) {
      lines.push({ sign: '-', text: old[i++] });
    } else lines.push({ sign: '+', text: now[j++] });
  }
  return lines;
}
