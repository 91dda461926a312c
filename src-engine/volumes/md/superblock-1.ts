/**
 * Superblocks of version 1: at the end of the member (1.0), at its start (1.1) or 4 KiB behind it (1.2). Linux,
 * include/uapi/linux/raid/md_p.h (mdp_superblock_1); places: drivers/md/md.c, super_1_load.
 */
import { checkRange, checkSpan } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import { raw, struct, text, u16le, u32le, u64le } from '../../core/struct.ts';
import type { BlockSource, Extent } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import { bitmapExtent } from './bitmap.ts';
import { levelName, MD_MAGIC, MD_SECTOR_BYTES, sumWords, type ArrayMember, type Role } from './member.ts';

const HEADER_BYTES = 256;
/** Tools leave room for 384 devices in 1 KiB; more than 1792 do not fit the 4 KiB that a superblock may take. */
const MAX_DEVICES = 1792;
const SUPERBLOCK_BYTES = 4096;
const MAX_BYTES = Number.MAX_SAFE_INTEGER;

const superblockStruct = struct(HEADER_BYTES, {
  magic: u32le(0),
  majorVersion: u32le(4),
  featureMap: u32le(8),
  setUuid: raw(16, 16),
  setName: text(32, 32, 'utf8'),
  level: u32le(72),
  size: u64le(80),
  raidDisks: u32le(92),
  bitmapOffset: u32le(96),
  dataOffset: u64le(128),
  dataSize: u64le(136),
  superOffset: u64le(144),
  recoveryOffset: u64le(152),
  devNumber: u32le(160),
  badBlocksSize: u16le(186),
  badBlocksOffset: u32le(188),
  events: u64le(200),
  resyncOffset: u64le(208),
  checksum: u32le(216),
  maxDev: u32le(220),
});
type Superblock = ReturnType<typeof superblockStruct.read>;
const CHECKSUM_AT = 216;

const FEATURE = { BITMAP_OFFSET: 0x1, RECOVERY_OFFSET: 0x2, BAD_BLOCKS: 0x8 } as const;
/** Recovery and reshaping, journals and partial parity: members are then not what they seem. */
const FEATURES_IN_STEP = FEATURE.BITMAP_OFFSET | FEATURE.RECOVERY_OFFSET | FEATURE.BAD_BLOCKS | 0x1000;

const ROLES: Record<number, Role> = { 0xffff: 'spare', 0xfffe: 'faulty', 0xfffd: 'journal' };

/**
 * @returns null where there is none
 * @throws EngineError `FORMAT_INVALID` for one that is damaged
 */
export async function readSuperblock1(volume: BlockSource): Promise<ArrayMember | null> {
  const found: ArrayMember[] = [];
  for (const startBytes of new Set([superblock1End(volume.lengthBytes), 0, SUPERBLOCK_BYTES])) {
    if (startBytes < 0 || startBytes + SUPERBLOCK_BYTES > volume.lengthBytes) continue;
    const bytes = await readBytes(volume, startBytes, SUPERBLOCK_BYTES);
    const superblock = superblockStruct.read(bytes);
    if (superblock.magic !== MD_MAGIC || superblock.majorVersion !== 1) continue;
    found.push(await member(volume, superblock, checked(superblock, bytes), startBytes));
  }
  if (found.length > 1) throw new EngineError('FORMAT_INVALID', { field: 'two superblocks' });
  return found[0] ?? null;
}

/** @returns the roles of the devices */
function checked(superblock: Superblock, bytes: Buffer): Buffer {
  const rolesEnd = HEADER_BYTES + 2 * checkRange('max_dev', superblock.maxDev, 1, MAX_DEVICES);
  if (checksumOf(bytes.subarray(0, rolesEnd)) !== superblock.checksum) {
    throw new EngineError('FORMAT_INVALID', { checksum: 'RAID superblock' });
  }
  return bytes.subarray(HEADER_BYTES, rolesEnd);
}

async function member(
  volume: BlockSource,
  superblock: Superblock,
  roles: Buffer,
  startBytes: number,
): Promise<ArrayMember> {
  const superSector = startBytes / MD_SECTOR_BYTES;
  checkRange('super_offset', Number(superblock.superOffset), superSector, superSector);
  checkRange('dev_number', superblock.devNumber, 0, superblock.maxDev - 1);
  const place = roles.readUInt16LE(2 * superblock.devNumber);
  const level = superblock.level | 0;
  const sizeBytes = Math.min(sectors('size', superblock.size), sectors('data_size', superblock.dataSize));
  const data = {
    startBytes: sectors('data_offset', superblock.dataOffset),
    lengthBytes: level === 1 ? sizeBytes : sectors('data_size', superblock.dataSize),
  };
  checkSpan('data_offset', data.startBytes, data.lengthBytes, volume.lengthBytes);
  const hasRecovery = (superblock.featureMap & FEATURE.RECOVERY_OFFSET) !== 0;
  return {
    version: 1,
    uuid: superblock.setUuid.toString('hex').replace(/(.{8})(?!$)/g, '$1:'),
    name: superblock.setName || 'md',
    level: levelName(level),
    role: ROLES[place] ?? checkRange('role', place, 0, superblock.raidDisks),
    deviceCount: checkRange('raid_disks', superblock.raidDisks, 1, MAX_DEVICES),
    events: superblock.events,
    data,
    superblock: { startBytes, lengthBytes: SUPERBLOCK_BYTES },
    metadata: await metadataExtents(volume, superblock, startBytes),
    isInStep:
      (superblock.featureMap & ~FEATURES_IN_STEP) === 0 &&
      !(hasRecovery && superblock.recoveryOffset < superblock.size),
    isClean: superblock.resyncOffset >= superblock.size,
  };
}

/** Superblock, bitmap and list of bad blocks, and the first 4 KiB, which boot code may use in front of a superblock 1.2. */
async function metadataExtents(volume: BlockSource, superblock: Superblock, startBytes: number): Promise<Extent[]> {
  const { featureMap, bitmapOffset, badBlocksOffset, badBlocksSize } = superblock;
  const isBehindStart = startBytes === SUPERBLOCK_BYTES;
  const extents: Extent[] = [
    isBehindStart
      ? { startBytes: 0, lengthBytes: 2 * SUPERBLOCK_BYTES }
      : { startBytes, lengthBytes: SUPERBLOCK_BYTES },
  ];
  if (featureMap & FEATURE.BITMAP_OFFSET) {
    extents.push(await bitmapExtent(volume, startBytes + (bitmapOffset | 0) * MD_SECTOR_BYTES));
  }
  if (featureMap & FEATURE.BAD_BLOCKS) {
    const listBytes = badBlocksSize * MD_SECTOR_BYTES;
    const listStart = startBytes + (badBlocksOffset | 0) * MD_SECTOR_BYTES;
    checkSpan('bblog_offset', listStart, listBytes, volume.lengthBytes);
    extents.push({ startBytes: listStart, lengthBytes: listBytes });
  }
  return extents;
}

function sectors(field: string, count: bigint): number {
  return checkRange(field, Number(count), 0, Math.floor(MAX_BYTES / MD_SECTOR_BYTES)) * MD_SECTOR_BYTES;
}

function checksumOf(superblock: Buffer): number {
  const summed = Buffer.from(superblock);
  summed.writeUInt32LE(0, CHECKSUM_AT);
  return sumWords(summed);
}

/** Where one of version 1.0 stands on a member; negative where there is no room for one. */
export const superblock1End = (lengthBytes: number): number =>
  Math.floor((lengthBytes - 8 * 1024) / SUPERBLOCK_BYTES) * SUPERBLOCK_BYTES;

const NEVER = 2n ** 64n - 1n;

/**
 * A copy for a longer member of a mirror that is in step.
 * @param bytes a superblock that was read @param addedBytes what the array takes more @param movedBytes how much further back it stands
 * @returns with where the bitmap begins, counted from it; null where there is none
 */
export function withSize1(
  bytes: Buffer,
  addedBytes: number,
  movedBytes: number,
): { superblock: Buffer; bitmapOffsetBytes: number | null } {
  const superblock = Buffer.from(bytes);
  const { size, dataSize, superOffset, featureMap, bitmapOffset, maxDev } = superblockStruct.read(superblock);
  const added = BigInt(addedBytes / MD_SECTOR_BYTES);
  superblockStruct.write(superblock, {
    size: size + added,
    dataSize: dataSize + added,
    superOffset: superOffset + BigInt(movedBytes / MD_SECTOR_BYTES),
    // that much is in step, and that is all
    resyncOffset: NEVER,
  });
  superblock.writeUInt32LE(checksumOf(superblock.subarray(0, HEADER_BYTES + 2 * maxDev)), CHECKSUM_AT);
  const hasBitmap = (featureMap & FEATURE.BITMAP_OFFSET) !== 0;
  return { superblock, bitmapOffsetBytes: hasBitmap ? (bitmapOffset | 0) * MD_SECTOR_BYTES : null };
}
