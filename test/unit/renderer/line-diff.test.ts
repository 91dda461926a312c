/** Lines that went and that came: those that stay are few, long texts end soon, and nothing is told twice. */
import { expect, it } from 'vitest';
import { lineDiff } from '../../../src-renderer/modules/guest/line-diff.ts';

const told = (before: string, after: string) => lineDiff(before, after).map(({ sign, text }) => `${sign}${text}`);

it('one line of many, with two around it', () => {
  const lines = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
  const after = lines.with(3, 'D').join('\n');
  expect(told(`${lines.join('\n')}\n`, after)).toEqual(['…', ' b', ' c', '-d', '+D', ' e', ' f', '…']);
});

it('a text that was not there, is not there any more, or is the same', () => {
  expect(told('', 'a\nb\n')).toEqual(['+a', '+b']);
  expect(told('a\n', '')).toEqual(['-a']);
  expect(told('a\nb\n', 'a\nb\n')).toEqual(['…']);
});

it('lines that are there twice, and order', () => {
  expect(told('x\nx\n', 'x\n').sort()).toEqual([' x', '-x']);
  expect(told('a\nb\n', 'b\na\n').filter((line) => line[0] !== ' ')).toHaveLength(2);
});

it('texts of very many lines, without regard to their order', () => {
  const long = Array.from({ length: 100_000 }, (_, i) => `line ${i}`);
  expect(told(long.join('\n'), [...long, 'new'].join('\n'))).toEqual(['+new']);
});
