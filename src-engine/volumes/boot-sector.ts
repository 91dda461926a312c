/**
 * Tells the boot sector of a FAT, exFAT, NTFS or HPFS file system from a master boot record: both end in 55 AA, and in a
 * file system's the place of the partition table holds boot code and messages.
 */
import { struct, text, u16le, u8 } from '../core/struct.ts';

/** BIOS parameter block (Microsoft FAT specification 1.03, "Boot Sector and BPB Structure"). */
const bootStruct = struct(512, {
  jump: u8(0),
  maker: text(3, 8),
  sectorBytes: u16le(11),
  clusterSectors: u8(13),
  reservedSectors: u16le(14),
  fatCount: u8(16),
  media: u8(21),
});

const isPowerOfTwo = (n: number) => n > 0 && (n & (n - 1)) === 0;

/** @param sector the first 512 bytes of a disk */
export function looksLikeFileSystem(sector: Buffer): boolean {
  const boot = bootStruct.read(sector);
  if (boot.jump !== 0xeb && boot.jump !== 0xe9) return false;
  if (['NTFS    ', 'EXFAT   '].includes(boot.maker)) return true;
  return (
    isPowerOfTwo(boot.sectorBytes) &&
    boot.sectorBytes >= 128 &&
    isPowerOfTwo(boot.clusterSectors) &&
    boot.reservedSectors > 0 &&
    boot.fatCount > 0 &&
    (boot.media === 0xf0 || boot.media >= 0xf8)
  );
}
