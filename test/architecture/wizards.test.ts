/** What wizards have in common stands once, in `modules/plan`: how much of each stands in another is measured here. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const MODULES = join(import.meta.dirname, '../../src-renderer/modules');
const WIZARDS = ['capture', 'deploy', 'import', 'export'] as const;
/** So many lines in a row are no chance. */
const RUN_LINES = 3;
const MOST = 0.2;

/** A wizard's own name in a key or a command makes no difference to what a line does. */
const OWN_NAMES = new RegExp(`\\b(?:${WIZARDS.join('|')})\\b`, 'g');

/** Lines that say something: without comments, imports, indents, and punctuation alone. */
function linesOf(text: string): string[] {
  return text
    .replaceAll(/\/\*[^]*?\*\/|<!--[^]*?-->|^\s*\/\/.*$/gm, '')
    .replaceAll(/^import\s[^]*?;$/gm, '')
    .split('\n')
    .map((line) => line.trim().replaceAll(OWN_NAMES, '*'))
    .filter((line) => line.replaceAll(/[^a-z]/gi, '').length >= 3);
}

/** The share of the lines of some files that stand, in runs, in others. */
function sharedBetween(files: readonly string[][], others: readonly string[][]): number {
  const runsOf = (lines: string[]) =>
    lines.slice(RUN_LINES - 1).map((_, i) => lines.slice(i, i + RUN_LINES).join('\n'));
  const known = new Set(others.flatMap(runsOf));
  let shared = 0;
  for (const lines of files) {
    const hit = new Set<number>();
    runsOf(lines).forEach((run, i) => {
      if (known.has(run)) for (let at = i; at < i + RUN_LINES; at++) hit.add(at);
    });
    shared += hit.size;
  }
  return shared / files.reduce((sum, lines) => sum + lines.length, 0);
}

const filesOf = (wizard: string) =>
  readdirSync(join(MODULES, wizard))
    .filter((name) => /\.(vue|ts)$/.test(name))
    .map((name) => linesOf(readFileSync(join(MODULES, wizard, name), 'utf8')));

describe('the measure', () => {
  const lines = Array.from({ length: 10 }, (_, i) => `const value${i} = read(${i});`);

  it('finds all of what stands twice, and none of what does not', () => {
    expect(sharedBetween([lines], [lines])).toBe(1);
    expect(sharedBetween([lines], [[...lines].reverse()])).toBe(0);
  });

  it('finds a part, whatever stands around it', () => {
    expect(sharedBetween([lines], [['const a = 1;', ...lines.slice(2, 7), 'const b = 2;']])).toBe(0.5);
  });

  it('sees through names of wizards, indents and comments', () => {
    const one = linesOf('a(t(`capture.title`));\n// why\n  bcd();\n\n  efg();\n');
    expect(sharedBetween([one], [linesOf('a(t(`deploy.title`));\nbcd();\nefg();')])).toBe(1);
  });
});

describe.each(WIZARDS)('the wizard %s', (wizard) => {
  it.each(WIZARDS.filter((other) => other !== wizard))('stands by a fifth at most in %s', (other) => {
    expect(sharedBetween(filesOf(wizard), filesOf(other))).toBeLessThanOrEqual(MOST);
  });

  it('stands on the plan that all share', () => {
    const page = readdirSync(join(MODULES, wizard)).find((name) => name.endsWith('Page.vue'))!;
    expect(readFileSync(join(MODULES, wizard, page), 'utf8')).toMatch(/useWizard\([^]*<PlanWizard/);
  });
});
