/** ISO 9660 images, bridges to UDF among them: recognised, with the name of the volume and what boots from it. ECMA-119; El Torito 1.0. */
import { EngineError } from '../../core/engine-error.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import { SECTOR_BYTES, TYPE_BOOT, TYPE_PRIMARY, volumeDescriptors } from './descriptors.ts';

const PLATFORM_X86 = 0;
const PLATFORM_EFI = 0xef;

export interface IsoImage {
  readonly volumeId: string;
  readonly bootsBios: boolean;
  readonly bootsUefi: boolean;
}

/**
 * @returns null where it is none
 * @throws EngineError `FILE_TRUNCATED` where the volume is longer than the file; `READ_FAILED`
 */
export async function recogniseIso(file: BlockSource): Promise<IsoImage | null> {
  let primary: { volumeId: string; lengthBytes: number } | null = null;
  let catalogSector: number | null = null;
  for (const descriptor of await volumeDescriptors(file)) {
    if (descriptor.type === TYPE_PRIMARY) {
      primary ??= {
        volumeId: descriptor.volumeId
          .toString('latin1')
          .replace(/[\0-\x1f\x7f-\x9f]/g, '')
          .trim(),
        lengthBytes: descriptor.volumeSectors * SECTOR_BYTES,
      };
    } else if (descriptor.type === TYPE_BOOT && descriptor.bootSystem.toString('latin1').startsWith('EL TORITO')) {
      catalogSector = descriptor.catalogSector;
    }
  }
  if (!primary) return null;
  if (primary.lengthBytes > file.lengthBytes) {
    const missingBytes = primary.lengthBytes - file.lengthBytes;
    throw new EngineError('FILE_TRUNCATED', { field: 'length', endBytes: file.lengthBytes, missingBytes });
  }
  const platforms = catalogSector === null ? [] : await bootPlatforms(file, catalogSector);
  return {
    volumeId: primary.volumeId,
    bootsBios: platforms.includes(PLATFORM_X86),
    bootsUefi: platforms.includes(PLATFORM_EFI),
  };
}

const ENTRY_BYTES = 32;
const HEADER_VALIDATION = 1;
const HEADER_MORE = 0x90;
const HEADER_LAST = 0x91;
const BOOTABLE = 0x88;

/** The platforms of the boot catalog's bootable entries; none where it is damaged. El Torito 2.0 to 2.5. */
async function bootPlatforms(file: BlockSource, sector: number): Promise<number[]> {
  const at = sector * SECTOR_BYTES;
  if (at + SECTOR_BYTES > file.lengthBytes) return [];
  const catalog = await readBytes(file, at, SECTOR_BYTES);
  if (catalog[0] !== HEADER_VALIDATION || catalog.readUInt16LE(30) !== 0xaa55) return [];
  const found: number[] = [];
  let platform = catalog[1];
  let left = 1;
  for (let entry = ENTRY_BYTES; entry < SECTOR_BYTES; entry += ENTRY_BYTES) {
    const header = catalog[entry];
    if (left > 0) {
      left--;
      if (header === BOOTABLE) found.push(platform);
    } else if (header === HEADER_MORE || header === HEADER_LAST) {
      platform = catalog[entry + 1];
      left = catalog.readUInt16LE(entry + 2);
    } else break;
  }
  return found;
}
