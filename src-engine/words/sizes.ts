/** Sizes as people write and read them. */
const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;
export type Unit = (typeof UNITS)[number];

/** Splits a size into a number of at most three significant digits and its decimal unit. */
export function scaleBytes(lengthBytes: number): { value: number; unit: Unit } {
  let value = lengthBytes;
  let step = 0;
  // 999.6 would be written as 1000: it belongs to the next unit.
  while (Number(value.toPrecision(3)) >= 1000 && step < UNITS.length - 1) {
    value /= 1000;
    step++;
  }
  return { value: step === 0 ? value : Number(value.toPrecision(3)), unit: UNITS[step] };
}

const MULTIPLES: Record<string, number> = {
  '': 1,
  k: 1e3,
  m: 1e6,
  g: 1e9,
  t: 1e12,
  ki: 2 ** 10,
  mi: 2 ** 20,
  gi: 2 ** 30,
  ti: 2 ** 40,
};

/** Reads a size as people write it: `20 GB`, `20Go`, `1.5 TiB`, `500 000`. Null where it is none. */
export function parseBytes(text: string): number | null {
  const match = /^\s*([\d\s\u00a0\u202f]+(?:[.,]\d+)?)\s*([kmgt]?i?)\s*(?:b|o|octets?|bytes?)?\s*$/i.exec(text);
  if (!match) return null;
  const value = Number(match[1].replace(/[\s\u00a0\u202f]/g, '').replace(',', '.'));
  const multiple = MULTIPLES[match[2].toLowerCase()];
  if (!Number.isFinite(value) || multiple === undefined) return null;
  const lengthBytes = Math.round(value * multiple);
  return lengthBytes <= Number.MAX_SAFE_INTEGER ? lengthBytes : null;
}
