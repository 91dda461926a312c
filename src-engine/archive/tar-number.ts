/** A number in a tar header: octal digits, or GNU's binary one where the first bit is set. "GNU tar", "Extensions"; POSIX ustar. */
export function tarNumber(field: Buffer): number {
  if ((field[0] & 0x80) === 0) {
    const end = field.indexOf(0);
    const digits = field.toString('latin1', 0, end < 0 ? field.length : end).trim();
    return /^[0-7]*$/.test(digits) ? parseInt(digits || '0', 8) : NaN;
  }
  const isSmall = field[0] === 0x80 && field.subarray(1, field.length - 8).every((byte) => byte === 0);
  return isSmall ? Number(field.readBigUInt64BE(field.length - 8)) : NaN;
}
