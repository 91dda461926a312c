/** Windows of all jobs: bounded, and shared so that nobody waits for a slow one. */
import { expect, test } from 'vitest';
import { WindowArena } from '../../../src-engine/store/window-arena.ts';

/** @returns how many of its wishes were granted so far, and the windows */
function user(arena: WindowArena) {
  const self = {};
  const windows: SharedArrayBuffer[] = [];
  const ended: unknown[] = [];
  return {
    self,
    windows,
    ended,
    want(count: number) {
      for (let i = 0; i < count; i++) {
        arena.take(self).then(
          (memory) => windows.push(memory),
          (error) => ended.push(error.code),
        );
      }
      return settled();
    },
    giveBack(count: number) {
      for (const memory of windows.splice(0, count)) arena.release(self, memory);
      return settled();
    },
  };
}
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

test('one alone may have all; there are never more', async () => {
  const arena = new WindowArena(4);
  const one = user(arena);
  await one.want(6);
  expect(one.windows).toHaveLength(4);
  expect(new Set(one.windows).size).toBe(4);
  await one.giveBack(1);
  expect(one.windows).toHaveLength(4);
});

test('a second gets its share as soon as windows come back, and not before the first has a window less', async () => {
  const arena = new WindowArena(4);
  const [first, second] = [user(arena), user(arena)];
  await first.want(8);
  await second.want(8);
  expect([first.windows.length, second.windows.length]).toEqual([4, 0]);
  await first.giveBack(1);
  await first.giveBack(1);
  expect([first.windows.length, second.windows.length]).toEqual([2, 2]);
  // from here on each gets what it gave back
  await first.giveBack(1);
  await second.giveBack(1);
  expect([first.windows.length, second.windows.length]).toEqual([2, 2]);
});

test('who holds its windows for long keeps the others from none of theirs', async () => {
  const arena = new WindowArena(6);
  const [slow, quick] = [user(arena), user(arena)];
  await quick.want(1);
  await slow.want(20);
  expect(slow.windows.length).toBeLessThanOrEqual(4);
  let done = 0;
  for (; done < 50; done++) {
    await quick.want(1);
    await quick.giveBack(1);
  }
  expect(quick.windows.length).toBeGreaterThan(0);
  expect(slow.windows.length + quick.windows.length).toBeLessThanOrEqual(6);
});

test('more users than windows: each gets one in turn', async () => {
  const arena = new WindowArena(2);
  const users = [user(arena), user(arena), user(arena)];
  for (const one of users) await one.want(2);
  await users[0].giveBack(2);
  expect(users.map(({ windows }) => windows.length)).toEqual([0, 1, 1]);
  await users[1].giveBack(1);
  await users[2].giveBack(1);
  expect(users.map(({ windows }) => windows.length).reduce((a, b) => a + b)).toBe(2);
});

test('who leaves waits no more, and what it still has comes back to the others', async () => {
  const arena = new WindowArena(2);
  const [gone, stays] = [user(arena), user(arena)];
  await gone.want(3);
  await stays.want(2);
  arena.leave(gone.self);
  await settled();
  expect(gone.ended).toEqual(['ABORTED']);
  await gone.giveBack(2);
  expect(stays.windows).toHaveLength(2);
});
