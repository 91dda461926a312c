/**
 * The Logical Disk Manager of Windows on a disk with an MBR: a private header in sector 6, and the database that it says the place of, at the
 * end of the disk. Linux, block/partitions/ldm.h and ldm.c (ldm_parse_privhead, OFF_PRIV1). Where the MBR has no entry of type 0x42, neither
 * Windows nor Linux divides the disk by it, and it is what earlier days left.
 */
import { raw, struct, u16be, u64be } from '../../core/struct.ts';
import type { BlockSource, Extent } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';

const SECTOR_BYTES = 512;
const HEADER_SECTOR = 6;
const privateHeader = struct(SECTOR_BYTES, {
  magic: raw(0, 8),
  majorVersion: u16be(0x0c),
  configStart: u64be(0x12b),
  configSectors: u64be(0x133),
});
/** 1 MiB since Windows 2000; nobody has more. */
const MAX_DATABASE_SECTORS = 64n * 2048n;

/**
 * @param disk a whole disk
 * @returns the header's sector and the database; none where there is no such header
 * @throws EngineError `READ_FAILED`
 */
export async function ldmExtents(disk: BlockSource): Promise<Extent[]> {
  if (disk.lengthBytes < (HEADER_SECTOR + 1) * SECTOR_BYTES) return [];
  const startBytes = HEADER_SECTOR * SECTOR_BYTES;
  const header = privateHeader.read(await readBytes(disk, startBytes, SECTOR_BYTES));
  if (header.magic.toString('latin1') !== 'PRIVHEAD' || header.majorVersion !== 2) return [];
  const extents: Extent[] = [{ startBytes, lengthBytes: SECTOR_BYTES }];
  const { configStart, configSectors } = header;
  const sectors = BigInt(Math.floor(disk.lengthBytes / SECTOR_BYTES));
  const isHere = configSectors > 0n && configSectors <= MAX_DATABASE_SECTORS && configStart + configSectors <= sectors;
  if (!isHere) return extents;
  extents.push({ startBytes: Number(configStart) * SECTOR_BYTES, lengthBytes: Number(configSectors) * SECTOR_BYTES });
  return extents;
}
