import { expect, test } from 'vitest';
import { nameKey } from '../../../src-engine/browsing/name-key.ts';

const sorted = (names: string[]) => [...names].sort((a, b) => (nameKey(a) < nameKey(b) ? -1 : 1));

test.each([
  [['file 1', 'file 2', 'file 10', 'file 010 b', 'file 100']],
  [['a', 'A2', 'a10', 'B', 'c']],
  [['e', 'é', 'Éa', 'eb', 'f']],
  [['', ' ', '1', 'a', '日本']],
  [['v1.2.9', 'v1.2.10', 'v1.10.0']],
  [['0', '00', '1', '9007199254740993', '9007199254740994', `${'9'.repeat(300)}`]],
])('%j is in order', (names) => {
  expect(sorted([...names].reverse())).toEqual(names);
});

test('what differs in case alone has one order, whichever way it came', () => {
  expect(sorted(['readme', 'README', 'Readme'])).toEqual(sorted(['Readme', 'README', 'readme']));
});
