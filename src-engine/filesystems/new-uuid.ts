/** How a file system gets another UUID, by its kind; or why it keeps the one that it has. */
import type { FileSystemKind } from '../contract/disk.contract.ts';
import type { BlockSource } from '../disk/block-source.port.ts';
import { btrfsUuidWay } from './btrfs/new-uuid.ts';
import { extUuidWay } from './ext/new-uuid.ts';
import { fatSerialWay } from './fat/new-serial.ts';
import type { UuidWay } from './new-uuid.port.ts';
import { swapUuidWay } from './swap/new-uuid.ts';
import { xfsUuidWay } from './xfs/new-uuid.ts';

/**
 * @param uuid as the file system tells its own: 8-4-4-4-12, or XXXX-XXXX for FAT
 * @throws EngineError `FORMAT_INVALID`, `FORMAT_UNSUPPORTED`, `READ_FAILED`
 */
export async function uuidWay(volume: BlockSource, kind: FileSystemKind, uuid: string): Promise<UuidWay> {
  if (/^ext[234]$/.test(kind)) return extUuidWay(volume, uuid);
  if (/^fat(?:12|16|32)$/.test(kind)) return fatSerialWay(volume, uuid);
  if (kind === 'btrfs') return btrfsUuidWay(volume, uuid);
  if (kind === 'xfs') return xfsUuidWay(volume);
  if (kind === 'swap') return swapUuidWay(volume, uuid);
  return { by: 'nothing', refusal: 'no-way' };
}
