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

/** Magic bytes of what most often stands in a partition, each with its place. */
const STARTS: readonly (readonly [number, string])[] = [
  [1080, '\x53\xef'],
  [0, 'XFSB'],
  [65_600, '_BHRfS_M'],
  [4086, 'SWAPSPACE2'],
  [0, 'LUKS\xba\xbe'],
  [536, 'LVM2 001'],
  [1024, 'H+\0\x04'],
];

/** @param bytes the first 68 KiB of a partition, if it is one */
export function isKnownStart(bytes: Buffer): boolean {
  const isBoot = bytes.readUInt16LE(510) === 0xaa55 && looksLikeFileSystem(bytes);
  return isBoot || STARTS.some(([at, magic]) => bytes.toString('latin1', at, at + magic.length) === magic);
}
