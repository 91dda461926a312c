/** What the first bytes of a file are shown as. Pure. */
import { hexRows, type HexRow } from './hex-preview.ts';
import type { Picture } from './picture-preview.ts';
import { readable } from '../../client/visible.ts';
import { decodeText, type Encoding } from './text-preview.ts';

export type Preview =
  | { kind: 'empty' }
  | { kind: 'picture'; picture: Picture; url: string }
  | { kind: 'text'; encoding: Encoding; text: string; shownBytes: number; lengthBytes: number }
  | { kind: 'hex'; rows: HexRow[]; shownBytes: number; lengthBytes: number };

export const HEX_BYTES = 4 * 1024;

export function hexPreview(bytes: Uint8Array, lengthBytes: number): Preview {
  const shown = bytes.subarray(0, HEX_BYTES);
  return { kind: 'hex', rows: hexRows(shown), shownBytes: shown.length, lengthBytes };
}

/** Of a file that is no picture. @param head its first bytes, or all of it */
export function plainPreview(head: Uint8Array, lengthBytes: number): Preview {
  if (lengthBytes === 0) return { kind: 'empty' };
  const text = decodeText(head, head.length >= lengthBytes);
  if (!text) return hexPreview(head, lengthBytes);
  return { kind: 'text', encoding: text.encoding, text: readable(text.text), shownBytes: head.length, lengthBytes };
}
