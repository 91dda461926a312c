/** Menus of SYSLINUX and EXTLINUX: the label that starts by default, and its kernel. Their wiki, 'Config'. */

const MAX_LINES = 5000;

/** @returns the path of the kernel; null where it cannot be told */
export function defaultOfExtlinux(text: string): string | null {
  const kernels = new Map<string, string>();
  let wanted: string | null = null;
  let marked: string | null = null;
  let label = '';
  for (const line of text.split('\n', MAX_LINES)) {
    const [, word, value = ''] = /^\s*(\w{1,20}(?:[ \t]+default\b)?)[ \t]*(\S{0,500})/i.exec(line) ?? [];
    const key = word?.toLowerCase().replace(/\s+/, ' ');
    if (key === 'label') label = value;
    else if (key === 'menu default') marked = label;
    else if (key === 'default' || key === 'ontimeout') wanted = wanted ?? value;
    else if ((key === 'linux' || key === 'kernel') && label !== '' && value !== '') kernels.set(label, value);
  }
  // DEFAULT may name the menu's own program: then the marked label is meant, or the first
  const isLabel = wanted !== null && kernels.has(wanted);
  const chosen = isLabel ? wanted : (marked ?? [...kernels.keys()][0]);
  const kernel = chosen === undefined || chosen === null ? undefined : kernels.get(chosen);
  return kernel && !/\.(c32|0|bin)$/.test(kernel) ? kernel : null;
}
