import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { EngineError } from '../../../src-engine/core/engine-error.ts';
import { lockReader, lockWriter, withoutReaders } from '../../../src-engine/store/locks.ts';
import { emptyStore } from '../../support/store.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const folder = temporaryFolder();
let count = 0;
const store = () => emptyStore(`${folder}/${count++}`);

test('one writer, and whoever comes second is told who it is', () => {
  const layout = store();
  const lock = lockWriter(layout, 'capture base');
  try {
    lockWriter(layout, 'prune');
    expect.unreachable();
  } catch (error) {
    expect(error).toBeInstanceOf(EngineError);
    expect(error).toMatchObject({
      code: 'CATALOG_BUSY',
      data: { path: layout.root, holder: `capture base (process ${process.pid})` },
    });
  }
  lock.release();
  lock.release();
  lockWriter(layout, 'prune').release();
});

test('a note that a dead writer left holds nobody up', () => {
  const layout = store();
  writeFileSync(`${layout.writerLock}.note`, 'capture (process 1)');
  lockWriter(layout, 'prune').release();
});

test('many readers, and none stands in the way of a writer', () => {
  const layout = store();
  const readers = [lockReader(layout), lockReader(layout), lockReader(layout)];
  const writer = lockWriter(layout, 'prune');
  readers.push(lockReader(layout));
  let hasRun = false;
  expect(withoutReaders(layout, () => (hasRun = true))).toBe(false);
  expect(hasRun).toBe(false);
  readers.slice(1).forEach((reader) => reader.release());
  expect(withoutReaders(layout, () => (hasRun = true))).toBe(false);
  readers[0].release();
  expect(withoutReaders(layout, () => (hasRun = true))).toBe(true);
  expect(hasRun).toBe(true);
  lockReader(layout).release();
  writer.release();
});

test('work without readers that fails lets them in again', () => {
  const layout = store();
  expect(() =>
    withoutReaders(layout, () => {
      throw new Error('no');
    }),
  ).toThrow('no');
  lockReader(layout).release();
});

test('stores have locks of their own', () => {
  const locks = [lockWriter(store(), 'a'), lockWriter(store(), 'b')];
  locks.forEach((lock) => lock.release());
});
