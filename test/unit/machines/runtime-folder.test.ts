/** What machines of other users need lies in a folder of ours: they have to come through. */
import { chmodSync, mkdirSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeEnterable } from '../../../src-engine/machines/runtime-folder.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const modeOf = (path: string) => statSync(path).mode & 0o777;

test('a folder can be entered, and not listed, whatever mode it had before', () => {
  const folder = join(temporaryFolder(), 'diskpress');
  makeEnterable(folder);
  expect(modeOf(folder)).toBe(0o711);
  for (const mode of [0o700, 0o777]) {
    chmodSync(folder, mode);
    makeEnterable(folder);
    expect(modeOf(folder)).toBe(0o711);
  }
});

test('a umask that keeps others out takes nothing from it', () => {
  const parent = temporaryFolder();
  const before = process.umask(0o077);
  try {
    makeEnterable(join(parent, 'diskpress'));
    mkdirSync(join(parent, 'other'));
  } finally {
    process.umask(before);
  }
  expect(modeOf(join(parent, 'diskpress'))).toBe(0o711);
  expect(modeOf(join(parent, 'other'))).toBe(0o700);
});

test('a link is not followed', () => {
  const parent = temporaryFolder();
  mkdirSync(join(parent, 'private'), { mode: 0o700 });
  symlinkSync(join(parent, 'private'), join(parent, 'diskpress'));
  expect(() => makeEnterable(join(parent, 'diskpress'))).toThrow('PERMISSION_DENIED');
  expect(modeOf(join(parent, 'private'))).toBe(0o700);
});
