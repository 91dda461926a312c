/** Bytes as rows of sixteen, as every hex viewer shows them. Pure. */

export const ROW_BYTES = 16;

export interface HexRow {
  /** where the row begins, eight hexadecimal digits */
  offset: string;
  /** two digits for each byte, a wider gap in the middle */
  hex: string;
  /** what is printable ASCII, a point for everything else */
  text: string;
}

export function hexRows(bytes: Uint8Array): HexRow[] {
  const rows: HexRow[] = [];
  for (let at = 0; at < bytes.length; at += ROW_BYTES) {
    const row = [...bytes.subarray(at, at + ROW_BYTES)];
    const digits = row.map((byte) => byte.toString(16).padStart(2, '0'));
    rows.push({
      offset: at.toString(16).padStart(8, '0'),
      hex: `${digits.slice(0, 8).join(' ')}  ${digits.slice(8).join(' ')}`.trimEnd(),
      text: row.map((byte) => (byte > 0x1f && byte < 0x7f ? String.fromCharCode(byte) : '.')).join(''),
    });
  }
  return rows;
}
