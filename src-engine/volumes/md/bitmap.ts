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
 * For a longer array: what is new in it is in step.
 * @param bytes header and bits as they are @param arrayBytes how long the array becomes @param roomBytes what they may take
 * @returns them in whole pages; null where there is no room for the bits
 */
export function growBitmap(bytes: Buffer, arrayBytes: number, roomBytes: number): Buffer | null {
  const { chunkBytes } = bitmapStruct.read(bytes);
  const neededBytes = HEADER_BYTES + Math.ceil(Math.ceil(arrayBytes / chunkBytes) / 8);
  const lengthBytes = Math.ceil(neededBytes / PAGE_BYTES) * PAGE_BYTES;
  if (neededBytes > roomBytes) return null;
  const grown = Buffer.alloc(Math.min(Math.max(lengthBytes, bytes.length), roomBytes));
  bytes.copy(grown);
  bitmapStruct.write(grown, { syncSize: BigInt(Math.floor(arrayBytes / MD_SECTOR_BYTES)) });
  return grown;
}

export const isBitmap = (bytes: Buffer): boolean => bitmapStruct.read(bytes).magic === MAGIC;

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
