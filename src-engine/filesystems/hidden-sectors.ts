/**
 * FAT and NTFS say how many sectors lie in front of them (BPB_HiddSec: Microsoft, "FAT: General Overview of On-Disk Format" 1.03); boot
 * code reads from there. Where it is what a disk has it to be, it is made so for another place too, in the copy of the boot sector as well.
 */
import type { FileSystemKind } from '../contract/disk.contract.ts';
import { struct, u16le, u32le, u64le } from '../core/struct.ts';
import type { BlockSource } from '../disk/block-source.port.ts';
import { readBytes } from '../disk/read.ts';

const HIDDEN_AT = 28;
const bootStruct = struct(512, {
  sectorBytes: u16le(11),
  hidden: u32le(HIDDEN_AT),
  fat32Copy: u16le(50),
  ntfsSectors: u64le(40),
});

/** Of a volume: where it begins in sectors of its disk. */
export interface Place {
  readonly startBytes: number;
  readonly sectorBytes: number;
}

/**
 * @returns bytes of the volume that are others in the new place
 * @throws EngineError `READ_FAILED`
 */
export async function hiddenSectorPatches(
  volume: BlockSource,
  kind: FileSystemKind,
  from: Place,
  to: Place,
): Promise<{ offsetBytes: number; bytes: Buffer }[]> {
  if (!['fat12', 'fat16', 'fat32', 'ntfs'].includes(kind) || from.startBytes === to.startBytes) return [];
  const boot = bootStruct.read(await readBytes(volume, 0, bootStruct.size));
  // logical partitions of DOS count from their own record
  if (boot.hidden !== from.startBytes / from.sectorBytes) return [];
  const hidden = to.startBytes / to.sectorBytes;
  if (!Number.isInteger(hidden) || hidden > 0xffffffff) return [];
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(hidden);
  const copy = kind === 'ntfs' ? Number(boot.ntfsSectors) : kind === 'fat32' ? boot.fat32Copy : 0;
  const places = [0, copy * (kind === 'ntfs' ? boot.sectorBytes : to.sectorBytes)];
  const isInside = (at: number) => at + bootStruct.size <= volume.lengthBytes;
  return [...new Set(places)].filter(isInside).map((at) => ({ offsetBytes: at + HIDDEN_AT, bytes }));
}
