/** CRC-16 with the reflected polynomial 0xA001, as ext4's uninit_bg uses it for group descriptors. */

const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xa001 : 0);
  return crc;
});

/** @param seed the register to begin with: 0xFFFF in ext4, or an earlier result to go on from */
export function crc16(seed: number, bytes: Uint8Array): number {
  let crc = seed;
  for (const byte of bytes) crc = (crc >>> 8) ^ TABLE[(crc ^ byte) & 0xff];
  return crc;
}
