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

/**
 * @param units a name in UTF-16, as systems of Microsoft's family keep it: any 16-bit numbers, mostly well-formed
 * @returns the name; halves of pairs that stand alone are written as `\uNNNN`
 */
export function decodeWideName(units: Uint16Array): string {
  const name = String.fromCharCode(...units);
  if (name.isWellFormed()) return name;
  return Array.from(name, (char) =>
    char.isWellFormed() ? char : `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  ).join('');
}
