/** An ISO 9660 file system that begins with the disk, whatever table lies around or in it: ECMA-119, 8.4. */
import { struct, text, u16le, u32le } from '../../core/struct.ts';
import type { BlockSource, Extent } from '../../disk/block-source.port.ts';
import { readableBytes } from '../readable.ts';

const DESCRIPTOR_BYTES = 2048;
const FIRST_DESCRIPTOR = 32 * 1024;
const MAX_DESCRIPTORS = 16;
const PRIMARY = 1;
const END = 255;

const descriptorStruct = struct(DESCRIPTOR_BYTES, {
  identifier: text(1, 5),
  volumeBlocks: u32le(80),
  blockBytes: u16le(128),
});

/**
 * @param disk a whole disk
 * @returns as long as the file system says it is; null where there is none
 * @throws EngineError `READ_FAILED`
 */
export async function isoExtent(disk: BlockSource): Promise<Extent | null> {
  for (let i = 0; i < MAX_DESCRIPTORS; i++) {
    const at = FIRST_DESCRIPTOR + i * DESCRIPTOR_BYTES;
    if (at + DESCRIPTOR_BYTES > disk.lengthBytes) return null;
    const bytes = await readableBytes(disk, at, DESCRIPTOR_BYTES);
    if (!bytes) return null;
    const { identifier, volumeBlocks, blockBytes } = descriptorStruct.read(bytes);
    if (identifier !== 'CD001' || bytes[0] === END) return null;
    if (bytes[0] === PRIMARY) {
      return { startBytes: 0, lengthBytes: Math.min(volumeBlocks * blockBytes, disk.lengthBytes) };
    }
  }
  return null;
}
