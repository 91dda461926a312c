import { describe, expect, test } from 'vitest';
import { entryParser, shortNameChecksum } from '../../../src-engine/filesystems/fat/entries.ts';

interface Short {
  readonly attributes?: number;
  readonly caseBits?: number;
  readonly date?: number;
  readonly time?: number;
}

/** An entry by fatgen103. @param name eleven bytes */
function short(name: string, { attributes = 0x20, caseBits = 0, date = 0, time = 0 }: Short = {}): Buffer {
  const entry = Buffer.alloc(32);
  entry.write(name, 'latin1');
  entry[11] = attributes;
  entry[12] = caseBits;
  entry.writeUInt16LE(time, 22);
  entry.writeUInt16LE(date, 24);
  return entry;
}

/** The entries of a long name, as they stand before that of the short one. */
function long(name: string, shortName: string): Buffer[] {
  const units = [...Array.from({ length: name.length }, (_, i) => name.charCodeAt(i)), 0];
  while (units.length % 13 || units.length === name.length + 14) units.push(0xffff);
  if (name.length % 13 === 0) units.splice(name.length);
  const parts = units.length / 13;
  return Array.from({ length: parts }, (_, i) => {
    const number = parts - i;
    const entry = Buffer.alloc(32);
    entry[0] = number | (i === 0 ? 0x40 : 0);
    entry[11] = 0x0f;
    entry[13] = shortNameChecksum(Buffer.from(shortName, 'latin1'));
    [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30].forEach((at, unit) =>
      entry.writeUInt16LE(units[(number - 1) * 13 + unit], at),
    );
    return entry;
  });
}

const parse = (...entries: Buffer[]) => entryParser(true)(Buffer.concat(entries)).entries;
const names = (...entries: Buffer[]) => parse(...entries).map(({ name }) => name);

describe('short names', () => {
  test('lose their padding, and their dot without an extension', () => {
    expect(names(short('README  TXT'), short('MAKEFILE   '), short('A B     C  '))).toEqual([
      'README.TXT',
      'MAKEFILE',
      'A B.C',
    ]);
  });

  test('are lower case in one part or both where Windows NT says so', () => {
    const cases = [0x08, 0x10, 0x18].map((caseBits) => short('README  TXT', { caseBits }));
    expect(names(...cases)).toEqual(['readme.TXT', 'README.txt', 'readme.txt']);
  });

  test('hold letters of code page 437', () => {
    expect(names(short('\x9aBUNG   \x8e\x80 '), short('\x9aBUNG      ', { caseBits: 0x08 }))).toEqual([
      'ÜBUNG.ÄÇ',
      'übung',
    ]);
  });

  test('may begin with 0xE5, which stands as 0x05', () => {
    expect(names(short('\x05BC        '))).toEqual(['σBC']);
  });

  test('of deleted files, labels and the folder itself are none', () => {
    const label = short('MY DISK    ', { attributes: 0x08 });
    expect(names(short('\xe5LD        '), label, short('.          '), short('..         '))).toEqual([]);
  });

  test('behind the end are none', () => {
    const piece = Buffer.concat([short('FIRST      '), Buffer.alloc(32), short('SECOND     ')]);
    const { entries, isLast } = entryParser(false)(piece);
    expect(entries.map(({ name }) => name)).toEqual(['FIRST']);
    expect(isLast).toBe(true);
  });
});

describe('long names', () => {
  const NAME = 'A long name, über 日本 😀.text';

  test('go before the short one, and both are known', () => {
    expect(parse(...long(NAME, 'ALONGN~1TEX'), short('ALONGN~1TEX'))).toMatchObject([
      { name: NAME, shortName: 'ALONGN~1.TEX' },
    ]);
  });

  test.each([1, 12, 13, 14, 26, 255])('of %i letters', (length) => {
    const name = 'x'.repeat(length);
    expect(names(...long(name, 'SHORT      '), short('SHORT      '))).toEqual([name]);
  });

  test('may begin in one piece and end in the next', () => {
    const parser = entryParser(false);
    const entries = [...long(NAME, 'SHORT      '), short('SHORT      ')];
    const found = entries.flatMap((entry) => parser(entry).entries);
    expect(found.map(({ name }) => name)).toEqual([NAME]);
  });

  test.each([
    ['of another short name', () => [...long(NAME, 'OTHER      '), short('SHORT      ')]],
    ['without their first part', () => [...long(NAME, 'SHORT      ').slice(1), short('SHORT      ')]],
    ['without their last part', () => [...long(NAME, 'SHORT      ').slice(0, -1), short('SHORT      ')]],
    ['out of order', () => [...long(NAME, 'SHORT      ').reverse(), short('SHORT      ')]],
    ['before a deleted one', () => [...long(NAME, 'SHORT      '), short('\xe5ONE       '), short('SHORT      ')]],
    ['that are a way up', () => [...long('..', 'SHORT      '), short('SHORT      ')]],
  ])('%s are orphans', (_, entries) => {
    expect(names(...entries())).toEqual(['SHORT']);
  });

  test('with half of a pair show it as a number', () => {
    expect(names(...long('a\ud83db', 'SHORT      '), short('SHORT      '))).toEqual(['a\\ud83db']);
  });
});

describe('times', () => {
  const at = (date: number, time: number) => parse(short('FILE       ', { date, time }))[0].modifiedMs;

  test('are taken for UTC, to two seconds', () => {
    // fatgen103: years from 1980 in the upper seven bits, month, day; hour, minute, pairs of seconds
    expect(at((44 << 9) | (2 << 5) | 29, (23 << 11) | (59 << 5) | 29)).toBe(Date.UTC(2024, 1, 29, 23, 59, 58));
  });

  test.each([
    ['no date', 0, 0],
    ['month 13', (44 << 9) | (13 << 5) | 1, 0],
    ['the 30th of February', (44 << 9) | (2 << 5) | 30, 0],
    ['hour 24', (44 << 9) | (2 << 5) | 1, 24 << 11],
    ['second 60', (44 << 9) | (2 << 5) | 1, 30],
  ])('are null for %s', (_, date, time) => {
    expect(at(date, time)).toBeNull();
  });
});
