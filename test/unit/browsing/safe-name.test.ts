import { describe, expect, test } from 'vitest';
import { safeName, UniqueNames } from '../../../src-engine/browsing/safe-name.ts';
import { processorTimer } from '../../support/processor-time.ts';

describe('names that are safe everywhere', () => {
  test.each([
    'plain',
    'with space',
    '.hidden',
    '…',
    'a..b',
    '日本語',
    'x'.repeat(255),
    'é'.repeat(127),
    'con',
    'a:b',
    'end.',
  ])('%s stays', (name) => {
    expect(safeName(name, false)).toBe(name);
  });

  test.each([
    ['', '_'],
    ['.', '_'],
    ['..', '__'],
    ['/', '_'],
    ['../../etc/passwd', '.._.._etc_passwd'],
    ['a\0b', 'a_b'],
    ['\x1b[31m', '_[31m'],
    ['a\u202eb', 'a_b'],
  ])('%j becomes %j', (name, safe) => {
    expect(safeName(name, false)).toBe(safe);
  });

  test.each([
    ['con', '_con'],
    ['CON.txt', '_CON.txt'],
    ['com1', '_com1'],
    ['lpt¹.x', '_lpt¹.x'],
    ['console', 'console'],
    ['a:b\\c|d?e*f<g>h"i', 'a_b_c_d_e_f_g_h_i'],
    ['ends. . ', 'ends_'],
    ['...', '_'],
    [' ', '_'],
  ])('on Windows %j becomes %j', (name, safe) => {
    expect(safeName(name, true)).toBe(safe);
  });

  test('long ones are cut between characters, quickly', () => {
    for (const name of ['é'.repeat(200), '日'.repeat(30_000), `${'x'.repeat(65_536)}.txt`]) {
      const safe = safeName(name, false);
      expect(Buffer.byteLength(safe)).toBeLessThanOrEqual(240);
      expect(Buffer.byteLength(safe)).toBeGreaterThan(200);
      expect(name.startsWith(safe)).toBe(true);
    }
  });
});

describe('names that stand once', () => {
  test('the same name twice, and one that looks like a numbered one', () => {
    const names = new UniqueNames(true);
    expect(['a.txt', 'a (2).txt', 'a.txt', 'a.txt', 'A.txt', '.x', '.x'].map((name) => names.take(name))).toEqual([
      'a.txt',
      'a (2).txt',
      'a (3).txt',
      'a (4).txt',
      'A.txt',
      '.x',
      '.x (2)',
    ]);
  });

  test('where case and composition do not count', () => {
    const names = new UniqueNames(false);
    const taken = ['Makefile', 'makefile', 'é', 'e\u0301', 'É'].map((name) => names.take(name));
    expect(taken.slice(0, 2)).toEqual(['Makefile', 'makefile (2)']);
    expect(new Set(taken.map((name) => name.normalize('NFC').toLowerCase())).size).toBe(5);
  });

  test('a hundred thousand times the same name takes no time', () => {
    const names = new UniqueNames(true);
    const usedMs = processorTimer();
    for (let i = 0; i < 100_000; i++) names.take('same');
    expect(names.take('same')).toBe('same (100001)');
    expect(usedMs()).toBeLessThan(5000);
  });
});
