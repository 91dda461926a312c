/** What a plan has seen is seen once, for as long as it is true. */
import { expect, test } from 'vitest';
import { KeptLooks } from '../../../src-engine/inspection/kept-looks.ts';

const LIFETIME_MS = 1000;

function subject() {
  const looks = new KeptLooks<number>(LIFETIME_MS);
  const state = { count: 0, isCurrent: async () => true };
  const look = async () => ({ seen: ++state.count, isCurrent: () => state.isCurrent() });
  return { looks, state, look };
}

test('what was seen is kept for who asks the same, and for nobody else', async () => {
  const { looks, look } = subject();
  expect(await looks.of('disk', look, 0)).toBe(1);
  expect(await looks.of('disk', look, LIFETIME_MS)).toBe(1);
  expect(await looks.of('other', look, LIFETIME_MS)).toBe(2);
  expect(await looks.of('disk', look, LIFETIME_MS)).toBe(1);
});

test('it is looked at again after its time, where the place changed, and where nobody can tell', async () => {
  const { looks, state, look } = subject();
  await looks.of('disk', look, 0);
  expect(await looks.of('disk', look, LIFETIME_MS + 1)).toBe(2);
  state.isCurrent = async () => false;
  expect(await looks.of('disk', look, LIFETIME_MS + 1)).toBe(3);
  state.isCurrent = () => Promise.reject(new Error('gone'));
  expect(await looks.of('disk', look, LIFETIME_MS + 1)).toBe(4);
});

test('a look that failed is not kept, nor what was seen before it', async () => {
  const { looks, state, look } = subject();
  await looks.of('disk', look, 0);
  state.isCurrent = async () => false;
  await expect(looks.of('disk', () => Promise.reject(new Error('unreadable')), 0)).rejects.toThrow('unreadable');
  state.isCurrent = async () => true;
  expect(await looks.of('disk', look, 0)).toBe(2);
});

test('of many, the first goes', async () => {
  const { looks, look } = subject();
  for (let i = 1; i <= 9; i++) expect(await looks.of(`disk ${i}`, look, 0)).toBe(i);
  expect(await looks.of('disk 9', look, 0)).toBe(9);
  expect(await looks.of('disk 1', look, 0)).toBe(10);
});
