/** The design tokens measured: contrast by WCAG 2.2, and the hues of the disk map as people with a colour-vision deficiency see them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const css = readFileSync(join(import.meta.dirname, '../../../src-renderer/ui/tokens.css'), 'utf8');

/** All tokens of one theme, with `var()` resolved. */
function tokens(theme: 'light' | 'dark') {
  const blocks = [...css.matchAll(/:root(\[data-theme='dark'\])?\s*\{([^}]*)\}/g)];
  const found = new Map<string, string>();
  for (const [, dark, body] of blocks) {
    if (dark && theme === 'light') continue;
    for (const [, name, value] of body.matchAll(/--([\w-]+):\s*([^;]+);/g)) found.set(name, value);
  }
  return (name: string): string => {
    const value = found.get(name) ?? '';
    const reference = /^var\(--([\w-]+)\)$/.exec(value);
    return reference ? tokens(theme)(reference[1]) : value;
  };
}

type Rgb = [number, number, number];
const toLinear = (hex: string): Rgb => {
  expect(hex).toMatch(/^#[0-9a-f]{6}$/);
  return [1, 3, 5].map((at) => {
    const c = parseInt(hex.slice(at, at + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  }) as Rgb;
};
const luminance = ([r, g, b]: Rgb) => 0.2126 * r + 0.7152 * g + 0.0722 * b;
const contrast = (a: string, b: string) => {
  const [high, low] = [luminance(toLinear(a)), luminance(toLinear(b))].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
};

/** OKLab (Björn Ottosson, 2020). */
function oklab([r, g, b]: Rgb): Rgb {
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}
/** Machado, Oliveira and Fernandes 2009, severity 1.0. */
const DEFICIENCIES: Record<string, number[]> = {
  none: [1, 0, 0, 0, 1, 0, 0, 0, 1],
  protanopia: [0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998],
  deuteranopia: [0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.01182, 0.04294, 0.968881],
  tritanopia: [1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.3039],
};
const seenBy = (m: number[], [r, g, b]: Rgb) =>
  [0, 3, 6].map((i) => Math.min(1, Math.max(0, m[i] * r + m[i + 1] * g + m[i + 2] * b))) as Rgb;

const HUES = ['linux', 'windows', 'fat', 'swap', 'encrypted', 'lvm', 'unknown'].map((name) => `map-${name}`);
/** A step that is seen as another colour when two areas touch; about 0.02 is the least that can be told apart. */
const DISTINCT = 0.045;

describe.each(['light', 'dark'] as const)('the %s theme', (theme) => {
  const token = tokens(theme);

  it.each([
    ['text', 'ground'],
    ['text', 'surface'],
    ['text', 'sunken'],
    ['text', 'accent-tint'],
    ['text', 'danger-tint'],
    ['text', 'warning-tint'],
    ['text', 'success-tint'],
    ['text-2', 'ground'],
    ['text-2', 'surface'],
    ['text-2', 'sunken'],
    ['text-2', 'n-4'],
    ['text-2', 'accent-tint'],
    ['text-3', 'ground'],
    ['text-3', 'surface'],
    ['text-3', 'sunken'],
    ['text-3', 'accent-tint'],
    ['accent-text', 'ground'],
    ['accent-text', 'surface'],
    ['accent-text', 'accent-tint'],
    ['danger-text', 'surface'],
    ['danger-text', 'danger-tint'],
    ['warning-text', 'warning-tint'],
    ['success-text', 'success-tint'],
    ['on-accent', 'accent'],
    ['on-accent', 'accent-strong'],
    ['on-danger', 'danger'],
    ['on-danger', 'danger-strong'],
    ['n-1', 'n-12'],
  ])('writes %s on %s with at least 4.5:1', (ink, paper) => {
    expect(contrast(token(ink), token(paper))).toBeGreaterThanOrEqual(4.5);
  });

  it.each([
    ['control-line', 'surface'],
    ['control-line', 'ground'],
    ['accent', 'surface'],
    ['danger', 'surface'],
    ['warning', 'warning-tint'],
    ['success', 'surface'],
  ])('draws %s on %s with at least 3:1', (shape, paper) => {
    expect(contrast(token(shape), token(paper))).toBeGreaterThanOrEqual(3);
  });

  it.each(HUES)('fills %s with 3:1 against the ground, and text on it is 4.5:1', (hue) => {
    expect(contrast(token(hue), token('surface'))).toBeGreaterThanOrEqual(3);
    expect(contrast(token(hue), token('ground'))).toBeGreaterThanOrEqual(3);
    expect(contrast(token('map-ink'), token(hue))).toBeGreaterThanOrEqual(4.5);
  });

  it.each(Object.keys(DEFICIENCIES))('has hues that are distinct with deficiency: %s', (deficiency) => {
    const colours = HUES.map((hue) => oklab(seenBy(DEFICIENCIES[deficiency], toLinear(token(hue)))));
    const pairs = colours.flatMap((a, i) =>
      colours
        .slice(0, i)
        .map((b, j) => ({ pair: `${HUES[i]} ${HUES[j]}`, distance: Math.hypot(...a.map((x, k) => x - b[k])) })),
    );
    expect(pairs.filter(({ distance }) => distance < DISTINCT)).toEqual([]);
  });
});
