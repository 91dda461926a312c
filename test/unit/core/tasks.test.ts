import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Tasks } from '../../../src-engine/core/tasks.ts';

test('all of them are waited for', async () => {
  const tasks = new Tasks();
  let done = 0;
  for (let i = 0; i < 5; i++) {
    tasks.start(async () => {
      await sleep(i);
      done++;
    });
  }
  tasks.check();
  await tasks.finish();
  expect(done).toBe(5);
});

test('the first failure is told, once the others have come to their end', async () => {
  const tasks = new Tasks();
  let isLateDone = false;
  tasks.start(async () => {
    await sleep(10);
    isLateDone = true;
    throw new Error('second');
  });
  tasks.start(() => Promise.reject(new Error('first')));
  await sleep(1);
  expect(() => tasks.check()).toThrow('first');
  await expect(tasks.finish()).rejects.toThrow('first');
  expect(isLateDone).toBe(true);
  await tasks.settle();
});

test('a failure may be anything, undefined too', async () => {
  const tasks = new Tasks();
  tasks.start(() => Promise.reject(undefined));
  await expect(tasks.finish()).rejects.toBeUndefined();
});
