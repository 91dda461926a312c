import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeDurably } from '../../../src-engine/core/durable.ts';
import { looksIncompressible } from '../../../src-engine/store/entropy.ts';
import { noise } from '../../support/disks.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const folder = temporaryFolder();
const scratch = join(folder, 'scratch');
mkdirSync(scratch);

test('a file is made, then replaced, and nothing is left beside it', async () => {
  const path = join(folder, 'file');
  await writeDurably(scratch, path, Buffer.from('one'));
  await writeDurably(scratch, path, Buffer.from('two'));
  expect(readFileSync(path, 'utf8')).toBe('two');
  expect(readdirSync(scratch)).toEqual([]);
});

test('where it cannot be made, what was there stays', async () => {
  const path = join(folder, 'full', 'inside');
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'content'), 'kept');
  await expect(writeDurably(scratch, path, Buffer.from('x'))).rejects.toMatchObject({ code: 'WRITE_FAILED' });
  await expect(writeDurably(scratch, join(folder, 'missing', 'x'), Buffer.from('x'))).rejects.toMatchObject({
    data: { path: join(folder, 'missing', 'x') },
  });
  expect(readFileSync(join(path, 'content'), 'utf8')).toBe('kept');
  expect(readdirSync(scratch)).toEqual([]);
});

test.each([
  ['noise', noise('a', 10_000), true],
  ['text', Buffer.alloc(10_000, 'some text that repeats'), false],
  ['zeros', Buffer.alloc(10_000), false],
  ['hexadecimal digits', Buffer.from(noise('b', 10_000).toString('hex')), false],
  ['too little to tell', noise('c', 4095), false],
])('whether %s is worth compressing', (_, bytes, expected) => {
  expect(looksIncompressible(bytes)).toBe(expected);
});
