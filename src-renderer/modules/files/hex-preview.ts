/** Bytes as rows of eight, as hex viewers show them: as many as fit into the panel. Pure. */

const ROW_BYTES = 8;

export interface HexRow {
  /** where the row begins, four hexadecimal digits */
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
      offset: at.toString(16).padStart(4, '0'),
      hex: `${digits.slice(0, 4).join(' ')}  ${digits.slice(4).join(' ')}`.trimEnd(),
      text: row.map((byte) => (byte > 0x1f && byte < 0x7f ? String.fromCharCode(byte) : '.')).join(''),
    });
  }
  return rows;
}
