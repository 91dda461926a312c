/** File names as text. */
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** What would be taken for a byte, or for half a surrogate pair, in a name that has these letters themselves. */
const LOOKS_ESCAPED = /\\(?=x[0-9a-f]{2}|ud[89a-f][0-9a-f]{2})/g;
const BACKSLASH = '\\x5c';

/**
 * Names are told apart by what they are shown as: no two that differ come out the same.
 * @param bytes a name as systems of the Unix family keep it: any bytes, mostly UTF-8
 * @returns the name; where it is no UTF-8, every byte above 0x7F stands as `\xNN`. A backslash in front of what looks like such
 *   a byte, or like what {@link shownWideName} writes, stands as `\x5c`
 */
export function decodeName(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes).replace(LOOKS_ESCAPED, BACKSLASH);
  } catch {
    const ascii = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
    return ascii
      .replace(LOOKS_ESCAPED, BACKSLASH)
      .replace(/[\x80-\xff]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16)}`);
  }
}

/** @returns whether a name that {@link decodeName} or {@link decodeWideName} gave stands for other bytes than its own letters */
export const isEscaped = (name: string): boolean => /\\(?:x[0-9a-f]{2}|ud[89a-f][0-9a-f]{2})/.test(name);

/** @returns a path, name by name as {@link decodeName} gives them: what a link says leads to what folders show */
export function decodePath(bytes: Buffer): string {
  const names: string[] = [];
  for (let start = 0; start <= bytes.length;) {
    const slash = bytes.indexOf(0x2f, start);
    const end = slash < 0 ? bytes.length : slash;
    names.push(decodeName(bytes.subarray(start, end)));
    start = end + 1;
  }
  return names.join('/');
}

/** @returns text with halves of surrogate pairs that stand alone, which nothing can show, written as `\uNNNN` */
export function shownWideText(text: string): string {
  return text.replace(/\p{Surrogate}/gu, (half) => `\\u${half.charCodeAt(0).toString(16)}`);
}

/**
 * @param name a name in UTF-16, as systems of Microsoft's family keep it: any 16-bit numbers, mostly well-formed
 * @returns as {@link shownWideText}; a backslash in front of what looks like that, or like a byte, stands as `\x5c`
 */
export const shownWideName = (name: string): string => shownWideText(name.replace(LOOKS_ESCAPED, BACKSLASH));

/** @returns {@link shownWideName} of 16-bit numbers */
export const decodeWideName = (units: Uint16Array): string => shownWideName(String.fromCharCode(...units));

/** @returns the name that {@link shownWideName} gave `shown` for */
export function wideNameOf(shown: string): string {
  return shown.replace(/\\(?:x5c|u(d[89a-f][0-9a-f]{2}))/g, (_, hex?: string) =>
    hex === undefined ? '\\' : String.fromCharCode(parseInt(hex, 16)),
  );
}

/** @returns the bytes of the name that {@link decodeName} gave `shown` for */
export function bytesOfName(shown: string): Buffer {
  const pieces = shown.split(/\\x([0-9a-f]{2})/);
  return Buffer.concat(pieces.map((piece, i) => (i % 2 === 0 ? Buffer.from(piece) : Buffer.of(parseInt(piece, 16)))));
}
