/**
 * A console that a kernel draws itself, letter by letter, where a machine has no text screen: most systems without a serial console. The
 * letters of a login prompt are known by their shapes in the fonts that such consoles have, 8 by 16 pixels each.
 */
import { crc32 } from 'node:zlib';
import type { Picture } from './screen.ts';

const WIDTH = 8;
const HEIGHT = 16;
const PROMPT_LETTERS = 6;

/** CRC-32 of the shapes of `l`, `o`, `g`, `i`, `n` and `:`, a byte for each line of a letter. */
const PROMPTS: readonly (readonly number[])[] = [
  // Linux's own, VGA8x16
  [0xd74bd6df, 0x4e689b23, 0x8f659a72, 0x96a7bad2, 0x2c430379, 0x492ea786],
  // those that Debian's console-setup offers at this size: Fixed, Terminus, Terminus bold
  [0xc11737be, 0xaaf38fae, 0x58c0ca60, 0xe87df1c9, 0xa78a4c27, 0x0ae7c913],
  [0x53081fac, 0x3a8d31b2, 0xc25fbe09, 0x14e8055f, 0xaa2776f3, 0x06d59b6f],
  [0xd74bd6df, 0x4e689b23, 0xcea86416, 0x96a7bad2, 0x63febe09, 0x73e2f372],
];
const BLANK = crc32(Buffer.alloc(HEIGHT));

/** Whether a line ends in `login:`, with nothing behind it but a cursor. */
export function showsLogin(picture: Picture): boolean {
  const columns = Math.floor(picture.width / WIDTH);
  const lineBytes = HEIGHT * picture.width * 3;
  for (let row = 0; row < Math.floor(picture.height / HEIGHT); row++) {
    const line = picture.pixels.subarray(row * lineBytes, (row + 1) * lineBytes);
    // most lines are of one colour: each pixel is like the one before
    if (line.subarray(3).equals(line.subarray(0, -3))) continue;
    const shapes = Array.from({ length: columns }, (_, column) => shapeAt(picture, row, column));
    const end = shapes.findLastIndex((shape) => shape !== BLANK) + 1;
    // the cursor stands behind one blank, if it is there at all
    for (const last of [end, end - 2]) {
      const letters = shapes.slice(Math.max(0, last - PROMPT_LETTERS), Math.max(0, last));
      if (PROMPTS.some((prompt) => prompt.every((shape, i) => letters[i] === shape))) return true;
    }
  }
  return false;
}

/** What is not its background, which is what it has in its first pixel. */
function shapeAt({ width, pixels }: Picture, row: number, column: number): number {
  const shape = Buffer.alloc(HEIGHT);
  const first = (row * HEIGHT * width + column * WIDTH) * 3;
  for (let y = 0; y < HEIGHT; y++) {
    for (let x = 0; x < WIDTH; x++) {
      const at = first + (y * width + x) * 3;
      const isLit =
        pixels[at] !== pixels[first] || pixels[at + 1] !== pixels[first + 1] || pixels[at + 2] !== pixels[first + 2];
      shape[y] = (shape[y] << 1) | Number(isLit);
    }
  }
  return crc32(shape);
}
