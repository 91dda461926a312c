/**
 * GRUB's core image, wherever its boot sector says that it is: grub-core/boot/i386/pc/boot.S (kernel_sector) and diskboot.S (the
 * list of blocks at the end of the core's first sector).
 */
import { struct, u16le, u64le } from '../../core/struct.ts';
import type { BlockSource, Extent } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';

const SECTOR_BYTES = 512;
const bootStruct = struct(SECTOR_BYTES, { coreSector: u64le(0x5c) });
const blockStruct = struct(12, { startSector: u64le(0), sectors: u16le(8), segment: u16le(10) });
const LIST_END = SECTOR_BYTES - blockStruct.size;
/** A core is a hundred blocks at most where each of them is a run of its own. */
const MAX_BLOCKS = 32;

/**
 * @param disk a whole disk
 * @returns the runs of the core image; none where the first sector is not GRUB's
 * @throws EngineError `READ_FAILED`
 */
export async function grubCoreExtents(disk: BlockSource): Promise<Extent[]> {
  if (disk.lengthBytes < 2 * SECTOR_BYTES) return [];
  const boot = await readBytes(disk, 0, SECTOR_BYTES);
  if (!boot.includes('GRUB ', 0, 'latin1')) return [];
  const sectors = BigInt(Math.floor(disk.lengthBytes / SECTOR_BYTES));
  const { coreSector } = bootStruct.read(boot);
  if (coreSector === 0n || coreSector >= sectors) return [];
  const startBytes = Number(coreSector) * SECTOR_BYTES;
  const first = await readBytes(disk, startBytes, SECTOR_BYTES);
  if (!first.includes('loading', 0, 'latin1')) return [];
  const extents: Extent[] = [{ startBytes, lengthBytes: SECTOR_BYTES }];
  for (let at = LIST_END; extents.length <= MAX_BLOCKS && at > SECTOR_BYTES / 2; at -= blockStruct.size) {
    const block = blockStruct.read(first, at);
    if (block.sectors === 0 || block.startSector + BigInt(block.sectors) > sectors) break;
    extents.push({ startBytes: Number(block.startSector) * SECTOR_BYTES, lengthBytes: block.sectors * SECTOR_BYTES });
  }
  return extents;
}
