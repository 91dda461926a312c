/** Volume descriptors of ISO 9660: what stands at the beginning of each volume, one in a sector. ECMA-119, section 8. */
import { raw, struct, u16le, u32le, u8 } from '../../core/struct.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';

export const SECTOR_BYTES = 2048;
const FIRST_DESCRIPTOR = 16;
/** Descriptors end with one that says so; nobody has more than a few. */
const MAX_DESCRIPTORS = 64;

const volumeDescriptor = struct(SECTOR_BYTES, {
  type: u8(0),
  magic: raw(1, 5),
  bootSystem: raw(7, 32),
  volumeId: raw(40, 32),
  /** of a boot record: El Torito's */
  catalogSector: u32le(71),
  volumeSectors: u32le(80),
  escapes: raw(88, 32),
  blockBytes: u16le(128),
  /** the record of its topmost folder */
  root: raw(156, 34),
});
export const TYPE_BOOT = 0;
export const TYPE_PRIMARY = 1;
export const TYPE_SUPPLEMENTARY = 2;
const TYPE_END = 255;

export type VolumeDescriptor = ReturnType<typeof volumeDescriptor.read>;

/** Those before the last, which says no more. @throws EngineError `READ_FAILED` */
export async function volumeDescriptors(file: BlockSource): Promise<VolumeDescriptor[]> {
  const found: VolumeDescriptor[] = [];
  for (const bytes of await descriptorSectors(file)) {
    const descriptor = volumeDescriptor.read(bytes);
    if (descriptor.magic.toString('latin1') !== 'CD001' || descriptor.type === TYPE_END) break;
    found.push(descriptor);
  }
  return found;
}

/** UDF says what it is in the sectors in which ISO 9660 does. ECMA-167, part 2 and section 3/9.1. @throws EngineError `READ_FAILED` */
export async function hasUdf(file: BlockSource): Promise<boolean> {
  const sectors = await descriptorSectors(file);
  return sectors.some((bytes) => ['NSR02', 'NSR03'].includes(bytes.toString('latin1', 1, 6)));
}

async function descriptorSectors(file: BlockSource): Promise<Buffer[]> {
  const start = FIRST_DESCRIPTOR * SECTOR_BYTES;
  const count = Math.min(MAX_DESCRIPTORS, Math.floor((file.lengthBytes - start) / SECTOR_BYTES));
  if (count <= 0) return [];
  const bytes = await readBytes(file, start, count * SECTOR_BYTES);
  return Array.from({ length: count }, (_, i) => bytes.subarray(i * SECTOR_BYTES, (i + 1) * SECTOR_BYTES));
}
