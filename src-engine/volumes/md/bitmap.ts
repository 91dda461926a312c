/** The write-intent bitmap of an array: drivers/md/md-bitmap.h (bitmap_super_t). */
import { checkRange, checkSpan } from '../../core/bounds.ts';
import { struct, u32le, u64le } from '../../core/struct.ts';
import type { BlockSource, Extent } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import { MD_SECTOR_BYTES } from './member.ts';

const HEADER_BYTES = 256;
const MAGIC = 0x6d746962;
const PAGE_BYTES = 4096;

const bitmapStruct = struct(HEADER_BYTES, { magic: u32le(0), syncSize: u64le(40), chunkBytes: u32le(52) });

/**
 * @returns header and bits, in whole pages
 * @throws EngineError `FORMAT_INVALID`
 */
export async function bitmapExtent(volume: BlockSource, startBytes: number): Promise<Extent> {
  const header = bitmapStruct.read(await readBytes(volume, startBytes, HEADER_BYTES));
  checkRange('bitmap magic', header.magic, MAGIC, MAGIC);
  checkRange('bitmap chunksize', header.chunkBytes, MD_SECTOR_BYTES, 2 ** 31);
  const chunks = Math.ceil((Number(header.syncSize) * MD_SECTOR_BYTES) / header.chunkBytes);
  const lengthBytes = Math.ceil((HEADER_BYTES + chunks / 8) / PAGE_BYTES) * PAGE_BYTES;
  checkSpan('bitmap', startBytes, lengthBytes, volume.lengthBytes);
  return { startBytes, lengthBytes };
}
