/** Another serial number for FAT12, FAT16 and FAT32, in the boot sector and its copy: fatgen103, BS_VolID. */
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import type { UuidWay } from '../new-uuid.port.ts';
import { compareBackup } from './backup-boot-sector.ts';
import { readBootSector } from './boot-sector.ts';

const SERIAL_AT = 39;
const SERIAL_AT_32 = 67;

/** @param serial XXXX-XXXX @throws EngineError as {@link readBootSector} */
export async function fatSerialWay(volume: BlockSource, serial: string): Promise<UuidWay> {
  const geometry = await readBootSector(volume);
  if (!geometry || geometry.uuid === '') return { by: 'nothing', refusal: 'damaged' };
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(parseInt(serial.replace('-', ''), 16));
  const at = geometry.entryBits === 32 ? SERIAL_AT_32 : SERIAL_AT;
  const places = [0];
  const { backupBootBytes } = geometry;
  if (backupBootBytes > 0 && (await compareBackup(volume, geometry)) === 'equal') {
    const copy = await readBytes(volume, backupBootBytes, 512);
    if (copy.readUInt16LE(510) === 0xaa55) places.push(backupBootBytes);
  }
  return { by: 'patches', patches: places.map((place) => ({ offsetBytes: place + at, bytes })) };
}
