/** Paths as people paste them. */
import { expect, test } from 'vitest';
import { typedPath } from '../../../src-engine/words/typed-path.ts';

test.for([
  ['/a/b.img', '/a/b.img'],
  ['  "/a b/c.img" ', '/a b/c.img'],
  ["'/a/it is.img'", '/a/it is.img'],
  ['file:///a%20b/c.img', '/a b/c.img'],
  ['FILE:/a/c.img', '/a/c.img'],
  ['file://localhost/a', '/a'],
  ['~/disk.img', '/home/ada/disk.img'],
  ['"~/my disk.img"', '/home/ada/my disk.img'],
  ['~', '/home/ada'],
  // none of these says another path than it seems
  ['file://server/a', 'file://server/a'],
  ['file:///%zz', 'file:///%zz'],
  ['/a/"b".img', '/a/"b".img'],
  ['~bob/disk.img', '~bob/disk.img'],
  ['"', '"'],
  ["/a/b'", "/a/b'"],
])('%s', ([typed, meant]) => expect(typedPath(typed, '/home/ada')).toBe(meant));

test('a home that is not known stays as it was typed', () => expect(typedPath('~/x', '')).toBe('~/x'));
