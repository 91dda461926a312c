import { expect, test } from 'vitest';
import { crc32c } from '../../../src-engine/core/crc32c.ts';

const complement = (crc: number) => ~crc >>> 0;

/** RFC 3720, B.4, and the check value of the CRC catalogue. */
test.each([
  ['32 zero bytes', Buffer.alloc(32), 0x8a9136aa],
  ['32 bytes of ones', Buffer.alloc(32, 0xff), 0x62a8ab43],
  ['32 ascending bytes', Buffer.from(Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e],
  ['nine digits', Buffer.from('123456789'), 0xe3069283],
])('%s', (_, bytes, sum) => {
  expect(complement(crc32c(0xffffffff, bytes))).toBe(sum);
});

test('goes on from an earlier result, wherever it is cut', () => {
  const bytes = Buffer.from(Array.from({ length: 67 }, (_, i) => (i * 37) & 0xff));
  const whole = crc32c(0xffffffff, bytes);
  for (let cut = 0; cut <= bytes.length; cut++) {
    expect(crc32c(crc32c(0xffffffff, bytes.subarray(0, cut)), bytes.subarray(cut))).toBe(whole);
  }
});
