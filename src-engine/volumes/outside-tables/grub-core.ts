/**
 * GRUB's core image, wherever its boot sector says that it is: grub-core/boot/i386/pc/boot.S (kernel_sector) and diskboot.S (the
 * list of blocks at the end of the core's first sector). Both count in sectors of 512 bytes from the start of the disk.
 */
import { struct, u16le, u64le } from '../../core/struct.ts';
import type { BlockSource, Extent } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';

export const GRUB_SECTOR_BYTES = 512;
const CORE_SECTOR_AT = 0x5c;
const bootStruct = struct(GRUB_SECTOR_BYTES, { coreSector: u64le(CORE_SECTOR_AT) });
const blockStruct = struct(12, { startSector: u64le(0), sectors: u16le(8), segment: u16le(10) });
const LIST_END = GRUB_SECTOR_BYTES - blockStruct.size;
/** A core is a hundred blocks at most where each of them is a run of its own. */
const MAX_BLOCKS = 32;

/** Where a number of a sector is written, and where that sector is. */
interface Pointer {
  /** on the disk, of the 64 bits that hold it */
  readonly atBytes: number;
  readonly startBytes: number;
}

export interface GrubCore {
  /** in the boot sector: the core's first sector */
  readonly first: Pointer;
  /** in the core's first sector: all others, in their order */
  readonly blocks: readonly (Pointer & { readonly lengthBytes: number })[];
  /** whether the list came to its end: where it did not, or names what is not on the disk, nothing is certain of the rest */
  readonly isWhole: boolean;
}

/**
 * @param disk a whole disk
 * @param bootBytes where the boot sector is: of the disk, or of a partition
 * @returns null where that sector is not GRUB's (GRUB Legacy's neither), or leads to nothing that begins as a core does
 * @throws EngineError `READ_FAILED`
 */
export async function readGrubCore(disk: BlockSource, bootBytes = 0): Promise<GrubCore | null> {
  if (disk.lengthBytes < bootBytes + 2 * GRUB_SECTOR_BYTES) return null;
  const boot = await readBytes(disk, bootBytes, GRUB_SECTOR_BYTES);
  if (!boot.includes('GRUB ', 0, 'latin1')) return null;
  const sectors = BigInt(Math.floor(disk.lengthBytes / GRUB_SECTOR_BYTES));
  const { coreSector } = bootStruct.read(boot);
  if (coreSector === 0n || coreSector >= sectors) return null;
  const startBytes = Number(coreSector) * GRUB_SECTOR_BYTES;
  const head = await readBytes(disk, startBytes, GRUB_SECTOR_BYTES);
  if (!head.includes('loading', 0, 'latin1')) return null;
  const first = { atBytes: bootBytes + CORE_SECTOR_AT, startBytes };
  const blocks: (Pointer & { lengthBytes: number })[] = [];
  for (let at = LIST_END; blocks.length < MAX_BLOCKS && at > GRUB_SECTOR_BYTES / 2; at -= blockStruct.size) {
    const block = blockStruct.read(head, at);
    if (block.sectors === 0) return { first, blocks, isWhole: blocks.length > 0 };
    if (block.startSector + BigInt(block.sectors) > sectors) break;
    blocks.push({
      atBytes: startBytes + at,
      startBytes: Number(block.startSector) * GRUB_SECTOR_BYTES,
      lengthBytes: block.sectors * GRUB_SECTOR_BYTES,
    });
  }
  return { first, blocks, isWhole: false };
}

/**
 * @param disk a whole disk
 * @returns the runs of the core image; none where the first sector is not GRUB's
 * @throws EngineError `READ_FAILED`
 */
export async function grubCoreExtents(disk: BlockSource): Promise<Extent[]> {
  const core = await readGrubCore(disk);
  return core ? extentsOfCore(core) : [];
}

/** The core's first sector, and the blocks that it names, in their order. */
export function extentsOfCore({ first, blocks }: GrubCore): Extent[] {
  return [
    { startBytes: first.startBytes, lengthBytes: GRUB_SECTOR_BYTES },
    ...blocks.map(({ startBytes, lengthBytes }) => ({ startBytes, lengthBytes })),
  ];
}
