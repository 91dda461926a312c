/** The checksum of LVM2: CRC-32 with the polynomial of zlib, another first value, and no inversion (lib/misc/crc.c). */
import { crc32 } from 'node:zlib';

const INITIAL_CRC = 0xf597a6cf;

export function lvmCrc(bytes: Uint8Array): number {
  return ~crc32(bytes, ~INITIAL_CRC >>> 0) >>> 0;
}
