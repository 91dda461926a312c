import { describe, expect, test } from 'vitest';
import { nameMatcher } from '../../../src-engine/filesystems/ext/name-matcher.ts';

const matches = (name: string, stored: string | Buffer, ignoresCase = false) =>
  nameMatcher(name, ignoresCase)(Buffer.from(stored));

describe('a name that is looked for', () => {
  test('is compared byte for byte', () => {
    expect(matches('Name', 'Name')).toBe(true);
    expect(matches('Name', 'name')).toBe(false);
    expect(matches('e\u0301', 'é')).toBe(false);
  });

  test('finds bytes that are no UTF-8 by their text, and that text itself by a backslash that is told', () => {
    expect(matches('caf\\xe9', Buffer.from([0x63, 0x61, 0x66, 0xe9]))).toBe(true);
    expect(matches('caf\\xe9', 'caf\\xe9')).toBe(false);
    expect(matches('caf\\x5cxe9', 'caf\\xe9')).toBe(true);
    expect(matches('caf\\xe9', 'café')).toBe(false);
  });

  /** Unicode, section 3.13: D146, canonical caseless matching; the pairs are of CaseFolding.txt. */
  test.each([
    ['grüße', 'GRÜSSE'],
    ['e\u0301clair', 'ÉCLAIR'],
    ['ΟΔΥΣΣΕΥΣ', 'οδυσσευς'],
    ['ﬁn', 'FIN'],
  ])('in a folder with casefold: %s is %s', (name, stored) => {
    expect(matches(name, stored, true)).toBe(true);
    expect(matches(stored, name, true)).toBe(true);
    expect(matches(name, `${stored}s`, true)).toBe(false);
  });
});
