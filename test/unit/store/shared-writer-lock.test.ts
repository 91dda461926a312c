/** Jobs of one engine share the writer's lock; other processes see one writer. */
import { expect, test } from 'vitest';
import { lockWriter } from '../../../src-engine/store/locks.ts';
import { SharedWriterLock } from '../../../src-engine/store/shared-writer-lock.ts';
import { emptyStore } from '../../support/store.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const folder = temporaryFolder();
let count = 0;
const store = () => emptyStore(`${folder}/${count++}`);
const busy = (holder: RegExp) =>
  expect.objectContaining({
    code: 'CATALOG_BUSY',
    data: expect.objectContaining({ holder: expect.stringMatching(holder) }),
  });
const nothing = async () => {};

test('is held until the last has released it, and names all that hold it', async () => {
  const layout = store();
  const writers = new SharedWriterLock();
  const first = await writers.join(layout, 'capture a', nothing);
  const second = await writers.join(layout, 'capture b', nothing);
  expect(() => lockWriter(layout, 'prune')).toThrow(busy(/^capture a, capture b \(process \d+\)$/));
  first.release();
  first.release();
  expect(() => lockWriter(layout, 'prune')).toThrow(busy(/^capture b \(process \d+\)$/));
  second.release();
  lockWriter(layout, 'prune').release();
  (await writers.join(layout, 'capture c', nothing)).release();
});

test('what has to be done before anybody writes is done once, and the others wait for it', async () => {
  const layout = store();
  const writers = new SharedWriterLock();
  const order: string[] = [];
  const prepared = Promise.withResolvers<void>();
  const join = async (name: string) => {
    const lock = await writers.join(layout, name, async () => {
      order.push(`prepared by ${name}`);
      await prepared.promise;
    });
    order.push(name);
    return lock;
  };
  const both = [join('a'), join('b')];
  await Promise.resolve();
  expect(order).toEqual(['prepared by a']);
  prepared.resolve();
  for (const lock of await Promise.all(both)) lock.release();
  expect(order).toEqual(['prepared by a', 'a', 'b']);
});

test('where the preparation fails nobody has it, and the next begins anew', async () => {
  const layout = store();
  const writers = new SharedWriterLock();
  const fail = () => Promise.reject(new Error('no'));
  const both = await Promise.allSettled([writers.join(layout, 'a', fail), writers.join(layout, 'b', nothing)]);
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  lockWriter(layout, 'prune').release();
  (await writers.join(layout, 'c', nothing)).release();
});

test('where another process writes it is refused', async () => {
  const layout = store();
  const other = lockWriter(layout, 'prune');
  await expect(new SharedWriterLock().join(layout, 'capture a', nothing)).rejects.toThrow(busy(/^prune/));
  other.release();
});
