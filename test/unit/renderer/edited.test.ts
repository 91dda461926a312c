/** Two people who edit the same: what each of them sees. */
import { expect, test } from 'vitest';
import { changedIn, clashesOf, takeOver } from '../../../src-renderer/modules/template/edited.ts';

const seen = { name: 'One', note: '', tags: ['a'] };

test('what only others changed comes into the form; what only I changed stays', () => {
  const mine = { ...seen, note: 'mine' };
  const now = { ...seen, tags: ['a', 'b'] };
  const merged = takeOver(seen, mine, now);
  expect(merged.mine).toEqual({ name: 'One', note: 'mine', tags: ['a', 'b'] });
  expect(changedIn(merged.seen, merged.mine)).toEqual(['note']);
  expect(clashesOf(merged.seen, merged.mine, now)).toEqual([]);
});

test('what both changed is to be chosen, unless it is alike', () => {
  const mine = { name: 'Mine', note: 'same', tags: ['a'] };
  const now = { name: 'Theirs', note: 'same', tags: ['a'] };
  const merged = takeOver(seen, mine, now);
  expect(merged.mine).toEqual(mine);
  expect(clashesOf(merged.seen, merged.mine, now)).toEqual(['name']);
  expect(changedIn(merged.seen, merged.mine)).toEqual(['name']);
});

test('who took back their own change has none', () => {
  expect(changedIn(seen, { ...seen, tags: ['a'] })).toEqual([]);
  expect(clashesOf(seen, seen, { ...seen, name: 'Theirs' })).toEqual([]);
});
