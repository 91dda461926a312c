import { describe, expect, it } from 'vitest';
import { parseBytes, scaleBytes } from '../../../src-engine/words/sizes.ts';

describe('scaleBytes', () => {
  it.each([
    [0, 0, 'B'],
    [512, 512, 'B'],
    [999, 999, 'B'],
    [1000, 1, 'kB'],
    [999_499, 999, 'kB'],
    [999_600, 1, 'MB'],
    [31_236_812_800, 31.2, 'GB'],
    [256_060_514_304, 256, 'GB'],
    [2_000_398_934_016, 2, 'TB'],
    [Number.MAX_SAFE_INTEGER, 9.01, 'PB'],
  ])('writes %d as %d %s', (lengthBytes, value, unit) => {
    expect(scaleBytes(lengthBytes)).toEqual({ value, unit });
  });
});

describe('parseBytes', () => {
  it.each([
    ['20 GB', 20e9],
    ['20Go', 20e9],
    ['1,5 To', 1.5e12],
    ['1.5TiB', 1.5 * 2 ** 40],
    ['16 GiB', 16 * 2 ** 30],
    ['500 000', 500_000],
    ['500\u202f000 octets', 500_000],
    ['4096 bytes', 4096],
    ['12 m', 12e6],
  ])('reads %s', (text, lengthBytes) => {
    expect(parseBytes(text)).toBe(lengthBytes);
  });

  it.each(['', 'GB', '-5 GB', '5 XB', '1.2.3 GB', '99999999 TB', 'twenty'])('refuses “%s”', (text) => {
    expect(parseBytes(text)).toBeNull();
  });
});
