/** A machine's screen: a picture, and the letters where it shows a text screen. */
import { crc32, deflateSync } from 'node:zlib';

export interface Picture {
  readonly width: number;
  readonly height: number;
  /** three bytes for each pixel, line by line */
  readonly pixels: Buffer;
}

/** A cursor, or the digits of a clock, is no more of a screen than this. */
export const CURSOR_SHARE = 0.002;

/** More than any screen that QEMU's card has. */
const MAX_SIDE = 8192;
export const MAX_PICTURE_BYTES = 64 * 1024 * 1024;

/** @returns null for what is no binary portable pixmap of 8 bits. Source: ppm(5) */
export function readPixmap(file: Buffer): Picture | null {
  const head = /^P6\s+(\d{1,5})\s+(\d{1,5})\s+255\s/.exec(file.subarray(0, 64).toString('latin1'));
  if (!head) return null;
  const [width, height] = [Number(head[1]), Number(head[2])];
  const pixels = file.subarray(head[0].length);
  const isWhole =
    width > 0 && height > 0 && width <= MAX_SIDE && height <= MAX_SIDE && pixels.length >= width * height * 3;
  return isWhole ? { width, height, pixels: pixels.subarray(0, width * height * 3) } : null;
}

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** As PNG, eight bits a colour. Source: RFC 2083 */
export function toPng({ width, height, pixels }: Picture): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const bytes = Buffer.alloc(12 + data.length);
    bytes.writeUInt32BE(data.length, 0);
    bytes.write(type, 4, 'latin1');
    data.copy(bytes, 8);
    bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + data.length)), 8 + data.length);
    return bytes;
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  // each line begins with the filter that it has: none
  const lines = Buffer.alloc(height * (1 + width * 3));
  for (let y = 0; y < height; y++) {
    pixels.copy(lines, y * (1 + width * 3) + 1, y * width * 3, (y + 1) * width * 3);
  }
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(lines)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** A screen of letters, as QEMU draws VGA's text modes: 25 lines of characters of 8 or 9 by 16 pixels. */
export const isTextScreen = ({ width, height }: Picture): boolean => height === 400 && (width === 720 || width === 640);

/** Share of the pixels in which two pictures of one size differ; 1 for two sizes. */
export function difference(a: Picture, b: Picture): number {
  if (a.width !== b.width || a.height !== b.height) return 1;
  if (a.pixels.equals(b.pixels)) return 0;
  let differing = 0;
  for (let i = 0; i < a.pixels.length; i += 3) {
    if (a.pixels[i] !== b.pixels[i] || a.pixels[i + 1] !== b.pixels[i + 1] || a.pixels[i + 2] !== b.pixels[i + 2])
      differing++;
  }
  return differing / (a.pixels.length / 3);
}

/** Whether there is more than one colour, and more than a cursor: a screen that was switched to and not drawn on is no picture. */
export function showsSomething({ pixels }: Picture): boolean {
  const count = pixels.length / 3;
  const first = pixels.readUIntBE(0, 3);
  let same = 0;
  for (let i = 0; i < pixels.length; i += 3) if (pixels.readUIntBE(i, 3) === first) same++;
  return Math.min(same, count - same) > count * CURSOR_SHARE;
}

const COLUMNS = 80;

/** The lines of VGA's text memory, from the monitor's hexadecimal words: a letter in the low byte of each. */
export function textOfMemory(dump: string): string {
  const letters: string[] = [];
  for (const [, word] of dump.matchAll(/\b0x[\da-f]{2}([\da-f]{2})\b/g)) {
    const code = parseInt(word, 16);
    letters.push(code >= 0x20 && code < 0x7f ? String.fromCharCode(code) : ' ');
  }
  const lines: string[] = [];
  for (let at = 0; at < letters.length; at += COLUMNS) {
    lines.push(
      letters
        .slice(at, at + COLUMNS)
        .join('')
        .trimEnd(),
    );
  }
  return lines.join('\n').trimEnd();
}
