/** A file's first bytes as text, where they are text; everything that would hide or act is made visible. Pure. */

export type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be';

export interface TextPreview {
  encoding: Encoding;
  text: string;
}

/** More control characters than this, and it is no text that a person would read. */
const MOST_CONTROLS = 0.1;

function encodingOf(bytes: Uint8Array): Encoding {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be';
  return 'utf-8';
}

/**
 * @param bytes the beginning of a file
 * @param isWhole whether that is all of it; else the last character may be cut off
 * @returns null where it is not text: UTF-8, or UTF-16 with a byte order mark
 */
export function decodeText(bytes: Uint8Array, isWhole: boolean): TextPreview | null {
  const encoding = encodingOf(bytes);
  let text: string;
  try {
    text = new TextDecoder(encoding, { fatal: true }).decode(bytes, { stream: !isWhole });
  } catch {
    return null;
  }
  if (text.includes('\0')) return null;
  const controls = text.match(/[\x01-\x08\x0e-\x1f\x7f-\x9f]/g)?.length ?? 0;
  return controls > text.length * MOST_CONTROLS ? null : { encoding, text };
}
