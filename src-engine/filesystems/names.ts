/** File names as text. */
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * @param bytes a name as systems of the Unix family keep it: any bytes, mostly UTF-8
 * @returns the name; where it is no UTF-8, every byte above 0x7F stands as `\xNN`
 */
export function decodeName(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch {
    return Array.from(bytes, (byte) =>
      byte < 0x80 ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`,
    ).join('');
  }
}
