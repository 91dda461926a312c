/** The reverse of {@link deviceNumber}. */
export function deviceOf(number: string): bigint {
  const [major, minor] = number.split(':').map(BigInt);
  return ((major & 0xfffn) << 8n) | ((major & ~0xfffn) << 32n) | (minor & 0xffn) | ((minor & ~0xffn) << 12n);
}

/** @returns 'MAJOR:MINOR' of a device number as the C library lays it out in 64 bits (makedev(3)) */
export function deviceNumber(device: bigint): string {
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn);
  const minor = (device & 0xffn) | ((device >> 12n) & ~0xffn);
  return `${major}:${minor}`;
}
