import { expect, test } from 'vitest';
import { allowance, nestsDeeperThan } from '../../../src-main/browser/message-limits.ts';

test.each([
  ['[[[]]]', 3, false],
  ['[[[[]]]]', 3, true],
  ['{"a":[{"b":[]}]}', 3, true],
  ['[[],[],[],[]]', 2, false],
  ['"[[[[[["', 1, false],
  ['["\\"[[[["]', 1, false],
  ['["\\\\",[[]]]', 2, true],
  ['["\\\\\\"[[["]', 1, false],
  [']]]][[', 3, false],
  ['', 0, false],
])('%s against %d levels: %s', (text, limit, expected) => {
  expect(nestsDeeperThan(Buffer.from(text), limit)).toBe(expected);
});

test('an allowance is used up, and comes back with time, never beyond its whole', () => {
  let now = 0;
  const take = allowance({ atOnce: 10, perSecond: 5 }, () => now);
  expect([take(7), take(4), take(3), take(1)]).toEqual([true, false, true, false]);
  now = 1_000;
  expect([take(5), take(1)]).toEqual([true, false]);
  now = 100_000;
  expect([take(11), take(10)]).toEqual([false, true]);
});
