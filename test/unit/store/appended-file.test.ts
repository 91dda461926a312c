/** A file that is appended to past the page cache holds what was appended, whatever the lengths. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { AppendedFile } from '../../../src-engine/store/appended-file.ts';
import { noise } from '../../support/disks.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const folder = temporaryFolder();
const MIB = 1024 * 1024;

test.each([
  ['nothing', []],
  ['one byte', [1]],
  ['a page', [4096]],
  ['exactly a piece', [4 * MIB]],
  ['a byte less, then two', [4 * MIB - 1, 2]],
  ['odd lengths over several pieces', [777, 3 * MIB + 5, 9 * MIB + 13, 1, 4 * MIB]],
])('%s', async (name, lengths) => {
  const path = join(folder, name);
  const file = await AppendedFile.create(path, folder);
  const parts = lengths.map((length, i) => noise(`${name} ${i}`, length));
  for (const part of parts) {
    const bytes = Buffer.from(part);
    await file.append(bytes);
    // it is not needed any more
    bytes.fill(0);
  }
  const all = Buffer.concat(parts);
  expect(file.lengthBytes).toBe(all.length);
  await file.finish();
  expect(readFileSync(path).equals(all)).toBe(true);
});

test('two at once do not share memory', async () => {
  const both = await Promise.all(['a', 'b'].map((name) => AppendedFile.create(join(folder, name), folder)));
  for (const [i, file] of both.entries()) await file.append(noise(`both ${i}`, 5 * MIB));
  for (const file of both) await file.finish();
  for (const [i, name] of ['a', 'b'].entries()) {
    expect(readFileSync(join(folder, name)).equals(noise(`both ${i}`, 5 * MIB))).toBe(true);
  }
});

test('what is given up is gone, and what stands there already is not touched', async () => {
  const path = join(folder, 'given up');
  const file = await AppendedFile.create(path, folder);
  await file.append(noise('given up', 5 * MIB));
  await file.discard();
  expect(existsSync(path)).toBe(false);
  writeFileSync(path, 'mine');
  await expect(AppendedFile.create(path, folder)).rejects.toMatchObject({ code: 'EEXIST' });
  expect(readFileSync(path, 'latin1')).toBe('mine');
});
