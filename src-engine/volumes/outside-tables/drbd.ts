/** Internal meta-data of DRBD, which lies behind what it replicates: drbd, drbd_int.h (meta_data_on_disk), and drbdmeta. */
import { struct, u32be } from '../../core/struct.ts';
import type { BlockSource, Extent } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';

const BLOCK_BYTES = 4096;
const SECTOR_BYTES = 512;
/** of versions 8.x, of 8.4 while it is in use, and of 9 */
const MAGICS = [0x8374026b, 0x8374026c, 0x8374026d];

const metadataStruct = struct(72, { magic: u32be(60), sectors: u32be(64) });

/**
 * @param source a device, or the end of one
 * @returns activity log, bitmap and superblock; null where there are none
 * @throws EngineError `READ_FAILED`
 */
export async function drbdExtent(source: BlockSource): Promise<Extent | null> {
  const endBytes = Math.floor(source.lengthBytes / BLOCK_BYTES) * BLOCK_BYTES;
  if (endBytes < BLOCK_BYTES) return null;
  const startBytes = endBytes - BLOCK_BYTES;
  const { magic, sectors } = metadataStruct.read(await readBytes(source, startBytes, BLOCK_BYTES));
  if (!MAGICS.includes(magic)) return null;
  const lengthBytes = Math.min(Math.max(sectors * SECTOR_BYTES, BLOCK_BYTES), endBytes);
  return { startBytes: endBytes - lengthBytes, lengthBytes };
}
