/** UUIDs as Linux file systems keep them: sixteen bytes in the order of their text (RFC 9562). */

/** 8-4-4-4-12 in lower case; '' where all bytes are zero. */
export function uuidText(bytes: Uint8Array): string {
  if (bytes.every((byte) => byte === 0)) return '';
  return Buffer.from(bytes)
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** @param text 8-4-4-4-12 */
export const bytesOfUuid = (text: string): Buffer => Buffer.from(text.replaceAll('-', ''), 'hex');
