/** CRC-32C (Castagnoli, reflected polynomial 0x82F63B78), as ext4, jbd2, XFS, btrfs and iSCSI (RFC 3720, 12.1) use it. */

const POLYNOMIAL = 0x82f63b78;

/** Eight tables of 256, so that eight bytes are taken at a time ("slicing by eight", Kounavis and Berry 2005). */
const TABLES = makeTables();

function makeTables(): Uint32Array {
  const tables = new Uint32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? POLYNOMIAL : 0);
    tables[byte] = crc;
  }
  for (let at = 256; at < tables.length; at++) {
    const previous = tables[at - 256];
    tables[at] = (previous >>> 8) ^ tables[previous & 0xff];
  }
  return tables;
}

/**
 * @param seed the register to begin with, not inverted: 0xFFFFFFFF for a new sum, or an earlier result to go on from
 * @returns the register after `bytes`, not inverted, as ext4 stores it; RFC 3720 stores its complement
 */
export function crc32c(seed: number, bytes: Uint8Array): number {
  const t = TABLES;
  const end8 = bytes.length - (bytes.length % 8);
  let crc = seed | 0;
  let i = 0;
  for (; i < end8; i += 8) {
    crc ^= bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24);
    crc =
      t[1792 + (crc & 0xff)] ^
      t[1536 + ((crc >>> 8) & 0xff)] ^
      t[1280 + ((crc >>> 16) & 0xff)] ^
      t[1024 + (crc >>> 24)] ^
      t[768 + bytes[i + 4]] ^
      t[512 + bytes[i + 5]] ^
      t[256 + bytes[i + 6]] ^
      t[bytes[i + 7]];
  }
  for (; i < bytes.length; i++) crc = (crc >>> 8) ^ t[(crc ^ bytes[i]) & 0xff];
  return crc >>> 0;
}
