/**
 * Which files are pictures, told by their first bytes and not by their names, and how large they are. A picture from a captured
 * disk is untrusted: a few kilobytes can ask for gigabytes of pixels, so its size is looked at before a browser draws it. Pure.
 */

export interface Picture {
  mime: string;
  width: number;
  height: number;
}

/** Larger than any camera's; four bytes for each are held in memory while it is shown. */
export const MOST_PIXELS = 64e6;

interface Format {
  mime: string;
  /** the first bytes, as characters; a `?` stands for any */
  magic: string;
  /** @returns null where the file says nothing that can be right */
  measure(view: DataView): { width: number; height: number } | null;
}

const at16 = (view: DataView, offset: number) => view.getUint16(offset);

/** JPEG (ITU T.81, B.1): segments one after the other, up to the one that begins a frame. */
function measureJpeg(view: DataView) {
  let offset = 2;
  while (offset + 9 <= view.byteLength) {
    if (view.getUint8(offset) !== 0xff) return null;
    const marker = view.getUint8(offset + 1);
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return { width: at16(view, offset + 7), height: at16(view, offset + 5) };
    // 0xff fills; these markers stand alone
    if (marker === 0xff) offset += 1;
    else if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) offset += 2;
    else offset += 2 + Math.max(2, at16(view, offset + 2));
  }
  return null;
}

/** WebP (RFC 9649): lossy, lossless or extended. */
function measureWebp(view: DataView) {
  const kind = view.getUint8(15);
  if (kind === 0x20) return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff };
  if (kind === 0x4c) {
    const bits = view.getUint32(21, true);
    return { width: (bits & 0x3fff) + 1, height: ((bits >> 14) & 0x3fff) + 1 };
  }
  const at24 = (offset: number) => view.getUint16(offset, true) | (view.getUint8(offset + 2) << 16);
  return kind === 0x58 ? { width: at24(24) + 1, height: at24(27) + 1 } : null;
}

const FORMATS: Format[] = [
  {
    mime: 'image/png',
    magic: '\x89PNG\r\n\x1a\n',
    measure: (view) => ({ width: view.getUint32(16), height: view.getUint32(20) }),
  },
  { mime: 'image/jpeg', magic: '\xff\xd8\xff', measure: measureJpeg },
  {
    mime: 'image/gif',
    magic: 'GIF8?a',
    measure: (view) => ({ width: view.getUint16(6, true), height: view.getUint16(8, true) }),
  },
  { mime: 'image/webp', magic: 'RIFF????WEBPVP8', measure: measureWebp },
  {
    mime: 'image/bmp',
    magic: 'BM????\0\0\0\0',
    measure: (view) => ({ width: Math.abs(view.getInt32(18, true)), height: Math.abs(view.getInt32(22, true)) }),
  },
];

const begins = (bytes: Uint8Array, magic: string) =>
  bytes.length >= magic.length && [...magic].every((one, i) => one === '?' || one.charCodeAt(0) === bytes[i]);

/** Whether the first bytes are those of a picture that can be shown. */
export const looksLikePicture = (head: Uint8Array): boolean => FORMATS.some(({ magic }) => begins(head, magic));

/**
 * @param bytes the whole file
 * @returns null where it is no picture, or one whose size cannot be told or is beyond `MOST_PIXELS`
 */
export function pictureOf(bytes: Uint8Array): Picture | null {
  const format = FORMATS.find(({ magic }) => begins(bytes, magic));
  // the longest of the fixed headers
  if (!format || bytes.length < 30) return null;
  const size = format.measure(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  if (!size || size.width < 1 || size.height < 1 || size.width * size.height > MOST_PIXELS) return null;
  return { mime: format.mime, ...size };
}
