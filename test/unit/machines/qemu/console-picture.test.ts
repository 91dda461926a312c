/** Login prompts on consoles that a kernel draws itself. */
import { describe, expect, test } from 'vitest';
import { showsLogin } from '../../../../src-engine/machines/qemu/console-picture.ts';
import type { Picture } from '../../../../src-engine/machines/qemu/screen.ts';

/** Letters as a screenshot of Debian's console has them, a byte for each of their sixteen lines. */
const LETTERS: Readonly<Record<string, string>> = {
  l: '00003818181818181818183c00000000',
  o: '00000000007cc6c6c6c6c67c00000000',
  g: '000000000076cccccccccc7c0ccc7800',
  i: '00001818003818181818183c00000000',
  n: '0000000000dc66666666666600000000',
  ':': '00000000181800000018180000000000',
  ' ': '00'.repeat(16),
  _: '00'.repeat(13) + 'ffff00',
};

/** A screen with this on its third line, in grey on black. */
function drawn(text: string, width = 1280, height = 800, colour = 0xaa): Picture {
  const pixels = Buffer.alloc(width * height * 3);
  [...text].forEach((letter, column) => {
    const lines = Buffer.from(LETTERS[letter], 'hex');
    for (let y = 0; y < 16; y++) {
      for (let x = 0; x < 8; x++) {
        if ((lines[y] & (0x80 >> x)) === 0) continue;
        const at = ((32 + y) * width + column * 8 + x) * 3;
        pixels.fill(colour, at, at + 3);
      }
    }
  });
  return { width, height, pixels };
}

describe('a drawn console', () => {
  test.each(['goln login: ', 'login:', 'goln login: _', 'l'.repeat(154) + 'login:'])('asks for a login: %s', (text) => {
    expect(showsLogin(drawn(text))).toBe(true);
    expect(showsLogin(drawn(text, 1366, 767, 0xff))).toBe(true);
  });

  test.each(['', 'login', 'login: on', 'logins:'.replace('s', 'l'), '_', 'login:  _'])('does not ask: %s', (text) => {
    expect(showsLogin(drawn(text))).toBe(false);
  });

  test('may be smaller than a letter', () => {
    expect(showsLogin({ width: 7, height: 15, pixels: Buffer.alloc(7 * 15 * 3) })).toBe(false);
  });
});
