/** Menus of GRUB: the entry that starts by default, and its kernel. Read as text, never run: GNU GRUB manual, 6 and 19. */

const MAX_LINES = 20_000;

/**
 * @param saved what the environment block keeps as the saved entry
 * @returns the path of the kernel; null where it cannot be told
 */
export function defaultOfGrub2(text: string, saved: string | null): string | null {
  const lines = text.split('\n', MAX_LINES);
  const kernelAfter = (first: number) => {
    for (const line of lines.slice(first)) {
      // an entry may stand on one line
      const path = /(?:^|[{;])\s*linux(?:16|efi)?[ \t]+(\S{1,500})/.exec(line)?.[1];
      if (path) return path;
    }
    return null;
  };
  const values = lines.flatMap((line) => /^\s*set default="([^"]{0,500})"/.exec(line)?.[1] ?? []);
  const written = values.find((value) => !value.includes('$')) ?? '0';
  const isSaved = values.some((value) => value.includes('saved_entry'));
  const wanted = (isSaved ? saved : null) ?? written;
  if (/^\d{1,4}$/.test(wanted)) {
    // a number counts the entries of the uppermost level
    const top = lines.flatMap((line, index) => (/^(menuentry|submenu) /.test(line) ? [index] : []));
    const first = top[Number(wanted)];
    return first === undefined ? null : kernelAfter(first);
  }
  // of 'submenu>entry' the entry is meant
  const entry = wanted.split('>').at(-1)!;
  const first = lines.findIndex(
    (line) => /^\s*menuentry /.test(line) && (line.includes(`'${entry}'`) || line.includes(`"${entry}"`)),
  );
  return first < 0 ? null : kernelAfter(first);
}

/** GRUB Legacy: `default` is the number of a title. */
export function defaultOfLegacy(text: string): string | null {
  const lines = text.split('\n', MAX_LINES);
  const number = lines.flatMap((line) => /^\s*default[= \t]+(\d{1,4})\s*$/.exec(line)?.[1] ?? [])[0] ?? '0';
  const titles = lines.flatMap((line, index) => (/^\s*title\b/.test(line) ? [index] : []));
  const first = titles[Number(number)];
  if (first === undefined) return null;
  for (const line of lines.slice(first + 1, titles[Number(number) + 1])) {
    const path = /^\s*kernel[ \t]+(?:--\S+[ \t]+)*(\S{1,500})/.exec(line)?.[1];
    if (path) return path.replace(/^\(.*\)/, '');
  }
  return null;
}
