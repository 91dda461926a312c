import { expect, test } from 'vitest';
import { findPath } from '../../../src-engine/browsing/find-path.ts';
import { NameSchema } from '../../../src-engine/contract/template.contract.ts';
import { memoryTree } from '../../support/memory-tree.ts';

const COMPOSED = 'Caf\u00e9';
const DECOMPOSED = 'Cafe\u0301';

test.each([
  [COMPOSED, DECOMPOSED],
  [DECOMPOSED, COMPOSED],
])('a name in a template is found, in whichever way its accents are written', async (there, typed) => {
  const tree = memoryTree({ [`/menu/${there}/today`]: 'soup' });
  expect((await findPath(tree, `/menu/${typed}/today`, true)).node.kind).toBe('file');
  await expect(findPath(tree, '/menu/Cafe/today', true)).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('where both are there, the one that was typed is meant', async () => {
  const tree = memoryTree({ [`/${COMPOSED}`]: 'one', [`/${DECOMPOSED}`]: 'other, longer' });
  expect((await findPath(tree, `/${DECOMPOSED}`, true)).node.lengthBytes).toBe('other, longer'.length);
  expect((await findPath(tree, `/${COMPOSED}`, true)).node.lengthBytes).toBe('one'.length);
});

test('a template has one name, whoever types it', () => {
  expect(NameSchema.parse(DECOMPOSED)).toBe(COMPOSED);
});
