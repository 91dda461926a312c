/** GRUB for BIOS on a disk that is a file. */
import { closeSync, openSync, writeSync } from 'node:fs';

const SECTOR_BYTES = 512;

/**
 * What `grub-bios-setup` writes, without a device to probe: the first sector says where GRUB's core begins, and the core's first sector
 * where the rest of it lies and how long it is (GRUB's boot.h and diskboot.S).
 * @param boot boot.img; changed
 * @param core core.img; changed
 * @param coreSector where the core goes: into a BIOS boot partition, or behind an MBR
 */
export function installGrubForBios(disk: string, boot: Buffer, core: Buffer, coreSector: number): void {
  const kernelSectorAt = 0x5c;
  const driveCheckAt = 0x66;
  const firstListAt = SECTOR_BYTES - 12;
  const loadSegment = 0x820;
  boot.writeBigUInt64LE(BigInt(coreSector), kernelSectorAt);
  // two NOPs: the BIOS tells the right drive
  boot.writeUInt16LE(0x9090, driveCheckAt);
  core.writeBigUInt64LE(BigInt(coreSector + 1), firstListAt);
  core.writeUInt16LE(Math.ceil(core.length / SECTOR_BYTES) - 1, firstListAt + 8);
  core.writeUInt16LE(loadSegment, firstListAt + 10);
  const file = openSync(disk, 'r+');
  // the table of the MBR begins behind the disk's signature
  writeSync(file, boot, 0, 440, 0);
  writeSync(file, core, 0, core.length, coreSector * SECTOR_BYTES);
  closeSync(file);
}
