/**
 * Whose boot code stands in a first sector, of a disk or of a partition, told by the words that it says itself. A BIOS runs it; where
 * it reads on is written in it, or found through the partition table.
 */
import { struct, u16le, u8 } from '../core/struct.ts';

export type BootCode = 'none' | 'grub' | 'grub-legacy' | 'lilo' | 'syslinux' | 'windows' | 'unknown';

/** Behind it there are the disk's signature and the table. */
export const BOOT_CODE_BYTES = 440;
const BOOT_SIGNATURE = 0xaa55;
const sectorStruct = struct(512, {
  /** grub-0.97, stage1/stage1.S: STAGE1_VER_MAJ_OFFS; in GRUB 2 a part of what is a file system's */
  legacyMajor: u8(0x3e),
  legacyMinor: u8(0x3f),
  signature: u16le(510),
});

/** Words in boot code: GRUB's and LILO's own names, messages of SYSLINUX (mbr, ldlinux, isohybrid) and of Windows. */
const WORDS: readonly (readonly [string, BootCode])[] = [
  ['GRUB', 'grub'],
  ['LILO', 'lilo'],
  ['SYSLINUX', 'syslinux'],
  ['EXTLINUX', 'syslinux'],
  ['isolinux', 'syslinux'],
  ['Boot error', 'syslinux'],
  ['Operating system load error', 'syslinux'],
  ['Invalid partition table', 'windows'],
  ['BOOTMGR', 'windows'],
  ['NTLDR', 'windows'],
];

/**
 * @param sector the first 512 bytes; fewer, or without 55 AA at their end, are no boot sector
 * @param isPartition of a partition: its code may fill the sector up to its mark
 */
export function bootCodeOf(sector: Uint8Array, isPartition = false): BootCode {
  if (sector.length < sectorStruct.size) return 'none';
  const { legacyMajor, legacyMinor, signature } = sectorStruct.read(sector);
  if (signature !== BOOT_SIGNATURE) return 'none';
  const code = Buffer.from(sector.buffer, sector.byteOffset, isPartition ? sectorStruct.size - 2 : BOOT_CODE_BYTES);
  if (code.every((byte) => byte === 0)) return 'none';
  const words = code.toString('latin1');
  const found = WORDS.find(([word]) => words.includes(word))?.[1] ?? 'unknown';
  return found === 'grub' && legacyMajor === 3 && legacyMinor === 2 ? 'grub-legacy' : found;
}
