import { deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { hexRows } from '../../../src-renderer/modules/files/hex-preview.ts';
import { looksLikePicture, MOST_PIXELS, pictureOf } from '../../../src-renderer/modules/files/picture-preview.ts';
import { plainPreview } from '../../../src-renderer/modules/files/plain-preview.ts';
import { readable, visible } from '../../../src-renderer/client/visible.ts';
import { decodeText } from '../../../src-renderer/modules/files/text-preview.ts';

const utf8 = (text: string) => new TextEncoder().encode(text);
const hex = (digits: string) => new Uint8Array(Buffer.from(digits.replaceAll(' ', ''), 'hex'));
const latin = (text: string) => new Uint8Array(Buffer.from(text, 'latin1'));

describe('decodeText', () => {
  it('reads UTF-8, with and without a byte order mark', () => {
    expect(decodeText(utf8('été\n'), true)).toEqual({ encoding: 'utf-8', text: 'été\n' });
    expect(decodeText(utf8('\ufeffété'), true)).toEqual({ encoding: 'utf-8', text: 'été' });
  });

  it('reads UTF-16 in both orders, by its mark alone', () => {
    expect(decodeText(hex('fffe 6100 e900'), true)).toEqual({ encoding: 'utf-16le', text: 'aé' });
    expect(decodeText(hex('feff 0061 00e9'), true)).toEqual({ encoding: 'utf-16be', text: 'aé' });
    expect(decodeText(hex('6100 e900'), true)).toBeNull();
  });

  it('takes a character that was cut off at the end for what it is, but not in a whole file', () => {
    const cut = utf8('abc€').subarray(0, 5);
    expect(decodeText(cut, false)?.text).toBe('abc');
    expect(decodeText(cut, true)).toBeNull();
  });

  it('takes bytes for bytes: zeros, what is no UTF-8, and mostly control characters', () => {
    expect(decodeText(latin('abc\0def'), true)).toBeNull();
    expect(decodeText(latin('caf\xe9 au lait'), true)).toBeNull();
    expect(decodeText(latin('\x01\x02\x03\x04abcdef'), true)).toBeNull();
  });

  it('takes a log with colours for text', () => {
    expect(decodeText(utf8('[\x1b[32m  OK  \x1b[0m] Started a unit.'), true)).not.toBeNull();
  });
});

describe('visible', () => {
  it('shows what would hide or turn the text, as its number', () => {
    expect(visible('a\x1b[0m\x7f')).toBe('a⟨1B⟩[0m⟨7F⟩');
    expect(visible('invoice\u202egpj.exe')).toBe('invoice⟨202E⟩gpj.exe');
    expect(visible('two\nlines\u200b')).toBe('two⟨0A⟩lines⟨200B⟩');
  });

  it('leaves line ends and tabs of a text, and the text itself, as they are', () => {
    expect(readable('a\tb\r\nc\rd été 日本 👩‍🔧'.replace('\u200d', ''))).toBe('a\tb\nc⟨0D⟩d été 日本 👩🔧');
  });

  it('leaves markup as text', () => {
    expect(readable('<script>alert(1)</script>')).toBe('<script>alert(1)</script>');
  });
});

describe('hexRows', () => {
  it('writes eight bytes in each row, with what is printable beside them', () => {
    expect(hexRows(latin('DISK\x00\x01\xff~last'))).toEqual([
      { offset: '0000', hex: '44 49 53 4b  00 01 ff 7e', text: 'DISK...~' },
      { offset: '0008', hex: '6c 61 73 74', text: 'last' },
    ]);
    expect(hexRows(new Uint8Array())).toEqual([]);
  });
});

describe('pictures', () => {
  /** Of the given size, one bit for each pixel; only its header is right where it is large. */
  function png(width: number, height: number): Uint8Array {
    const head = Buffer.alloc(13);
    head.writeUInt32BE(width, 0);
    head.writeUInt32BE(height, 4);
    head.set([1, 0, 0, 0, 0], 8);
    const chunk = (type: string, data: Buffer) =>
      Buffer.concat([Buffer.from([0, 0, 0, data.length]), Buffer.from(type), data, Buffer.alloc(4)]);
    const parts = [
      chunk('IHDR', head),
      chunk('IDAT', deflateSync(Buffer.from([0, 0]))),
      chunk('IEND', Buffer.alloc(0)),
    ];
    return new Uint8Array(Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), ...parts]));
  }
  const padded = (digits: string, length = 40) => {
    const bytes = new Uint8Array(length);
    bytes.set(hex(digits));
    return bytes;
  };
  const jpeg = 'ffd8 ffe0 0010 4a46494600010100000100010000 ffc4 0004 0000 ffc2 0011 08 0190 0280 03';

  it.each([
    ['PNG', png(640, 400), 'image/png'],
    ['GIF', padded('474946383961 8002 9001'), 'image/gif'],
    ['JPEG', hex(jpeg + '000000000000000000'), 'image/jpeg'],
    ['BMP', padded('424d 00000000 00000000 36000000 28000000 80020000 70feffff'), 'image/bmp'],
    ['lossy WebP', padded('52494646 00000000 57454250 56503820 00000000 000000 9d012a 8002 9001'), 'image/webp'],
    ['lossless WebP', padded('52494646 00000000 57454250 5650384c 00000000 2f 7fc26300'), 'image/webp'],
    ['extended WebP', padded('52494646 00000000 57454250 56503858 0a000000 00000000 7f0200 8f0100'), 'image/webp'],
  ])('%s is known by its first bytes, and its size is read', (_name, bytes, mime) => {
    expect(looksLikePicture(bytes)).toBe(true);
    expect(pictureOf(bytes)).toEqual({ mime, width: 640, height: 400 });
  });

  it('are not shown where they ask for more pixels than are safe, or for none', () => {
    expect(pictureOf(png(50_000, 50_000))).toBeNull();
    expect(pictureOf(png(0, 10))).toBeNull();
    expect(pictureOf(png(MOST_PIXELS, 1))).not.toBeNull();
  });

  it('are nothing else: SVG, text, or a head that is cut off', () => {
    expect(looksLikePicture(utf8('<svg xmlns="http://www.w3.org/2000/svg"/>'))).toBe(false);
    expect(pictureOf(utf8('GIF89a'))).toBeNull();
    expect(pictureOf(hex(jpeg).subarray(0, 32))).toBeNull();
    expect(pictureOf(padded('ffd8ff 00', 400))).toBeNull();
  });

  it('of JPEG with endless segments of no length end', () => {
    const bytes = new Uint8Array(1_000_000);
    bytes.set([0xff, 0xd8, 0xff, 0xe0, 0, 0]);
    for (let i = 4; i < bytes.length; i += 4) bytes.set([0xff, 0xe0, 0, 0].slice(0, bytes.length - i), i);
    expect(pictureOf(bytes)).toBeNull();
  });
});

describe('plainPreview', () => {
  it('shows text as text, an empty file as empty, and everything else as its first 4 KiB', () => {
    expect(plainPreview(utf8('<b>not bold</b>'), 15)).toMatchObject({ kind: 'text', text: '<b>not bold</b>' });
    expect(plainPreview(new Uint8Array(), 0)).toEqual({ kind: 'empty' });
    const bytes = plainPreview(new Uint8Array(65_536), 1e9);
    expect(bytes).toMatchObject({ kind: 'hex', shownBytes: 4096, lengthBytes: 1e9 });
    expect(bytes.kind === 'hex' && bytes.rows.length).toBe(512);
  });
});
