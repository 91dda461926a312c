import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
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

test.each([
  ['text', (path: string) => writeFileSync(path, 'not a lock'.repeat(100))],
  ['a lock with a header that is none', (path: string) => damage(path, 0)],
  ['a lock with another page size', (path: string) => damage(path, 16)],
  ['a lock with another text encoding', (path: string) => damage(path, 59)],
  ['a lock with another number of format', (path: string) => damage(path, 18)],
  ['a lock without its table', (path: string) => truncateSync(path, 512)],
])('a damaged lock that nobody holds is made anew: %s', (_, spoil) => {
  const layout = store();
  lockWriter(layout, 'capture').release();
  lockReader(layout).release();
  spoil(layout.writerLock);
  spoil(layout.readersLock);
  const writer = lockWriter(layout, 'repair');
  expect(() => lockWriter(layout, 'prune')).toThrow(expect.objectContaining({ code: 'CATALOG_BUSY' }));
  writer.release();
  const reader = lockReader(layout);
  expect(withoutReaders(layout, () => {})).toBe(false);
  reader.release();
  expect(withoutReaders(layout, () => {})).toBe(true);
});

test.skipIf(!existsSync('/proc/locks'))('a damaged lock that somebody holds stays', () => {
  const layout = store();
  const writer = lockWriter(layout, 'capture');
  // by another process: a system drops the locks of one that opens and closes the file again
  execFileSync('dd', ['if=/dev/zero', `of=${layout.writerLock}`, 'bs=16', 'count=1', 'conv=notrunc'], {
    stdio: 'ignore',
  });
  expect(() => lockWriter(layout, 'repair')).toThrow(expect.objectContaining({ code: 'CATALOG_BUSY' }));
  writer.release();
});

/** Turns all bits of a byte. */
function damage(path: string, offset: number): void {
  const bytes = readFileSync(path);
  bytes[offset] ^= 0xff;
  writeFileSync(path, bytes);
}

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
