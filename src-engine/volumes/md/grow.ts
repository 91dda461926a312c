/**
 * A mirror's member that gets more room: what its superblock and its bitmap say then, and where they stand. Sources as those of the readers
 * beside; of the bitmap, drivers/md/md-bitmap.c (md_bitmap_resize).
 */
import type { BlockSource, Extent } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import { slice } from '../../disk/slice.ts';
import type { Patch } from '../layout.port.ts';
import { growBitmap, isBitmap } from './bitmap.ts';
import type { ArrayMember } from './member.ts';
import { readMember } from './read-member.ts';
import { RESERVED_BYTES, superblock0Start, withSize0 } from './superblock-0.ts';
import { superblock1End, withSize1 } from './superblock-1.ts';

/** Devices count in pages; an array takes no piece of one. */
const UNIT_BYTES = 4096;

export interface GrownMember {
  /** where the array's bytes are on the longer member */
  readonly data: Extent;
  /** in bytes of the member; those that clear an old superblock come first */
  readonly patches: readonly Patch[];
}

/**
 * @param volume the member as it is, in a place that is longer than it was
 * @param beforeBytes how long it was
 * @returns null where this cannot be done for certain: it is no clean member of a mirror, or its bitmap has no room
 * @throws EngineError `READ_FAILED`, `FORMAT_INVALID` for a damaged superblock
 */
export async function grownMember(volume: BlockSource, beforeBytes: number): Promise<GrownMember | null> {
  const before = slice(volume, 0, beforeBytes);
  const member = await readMember(before);
  if (!member || !canGrow(member)) return null;
  const grown = member.version === 1 ? grown1 : grown0;
  return grown(before, member, volume.lengthBytes);
}

const canGrow = ({ level, role, isInStep, isClean }: ArrayMember) =>
  level === '1' && typeof role === 'number' && isInStep && isClean;

async function grown1(before: BlockSource, member: ArrayMember, lengthBytes: number): Promise<GrownMember | null> {
  const { superblock, metadata } = member;
  const isAtEnd = superblock.startBytes === superblock1End(before.lengthBytes);
  const addedBytes = isAtEnd
    ? superblock1End(lengthBytes) - superblock.startBytes
    : Math.floor((lengthBytes - before.lengthBytes) / UNIT_BYTES) * UNIT_BYTES;
  const movedBytes = isAtEnd ? addedBytes : 0;
  const data = { ...member.data, lengthBytes: member.data.lengthBytes + addedBytes };
  const old = await readBytes(before, superblock.startBytes, superblock.lengthBytes);
  const { superblock: bytes, bitmapOffsetBytes } = withSize1(old, addedBytes, movedBytes);
  const patches: Patch[] = [{ offsetBytes: superblock.startBytes + movedBytes, bytes }];
  // bitmap and list of bad blocks stand as far from the superblock as they did
  for (const extent of metadata.filter((one) => !holds(one, superblock.startBytes))) {
    const beside = await readBytes(before, extent.startBytes, extent.lengthBytes);
    const isBitmap = bitmapOffsetBytes !== null && extent.startBytes === superblock.startBytes + bitmapOffsetBytes;
    const now = isBitmap ? growBitmap(beside, data.lengthBytes, roomAt(extent, member)) : beside;
    if (!now) return null;
    if (isBitmap || isAtEnd) patches.push({ offsetBytes: extent.startBytes + movedBytes, bytes: now });
  }
  return { data, patches: [...(isAtEnd ? clearing(metadata, patches) : []), ...patches] };
}

/** What a bitmap may take: up to what stands behind it. */
function roomAt({ startBytes, lengthBytes }: Extent, { data, metadata }: ArrayMember): number {
  const behind = [data, ...metadata].map((one) => one.startBytes).filter((start) => start > startBytes);
  return behind.length > 0 ? Math.min(...behind) - startBytes : lengthBytes;
}

async function grown0(
  before: BlockSource,
  { superblock }: ArrayMember,
  lengthBytes: number,
): Promise<GrownMember | null> {
  const startBytes = superblock0Start(lengthBytes);
  const block = await readBytes(before, superblock.startBytes, RESERVED_BYTES);
  const bytes = withSize0(block, startBytes);
  const beside = block.subarray(superblock.lengthBytes);
  if (isBitmap(beside)) {
    const grown = growBitmap(beside, startBytes, beside.length);
    if (!grown) return null;
    grown.copy(bytes, superblock.lengthBytes);
  }
  const patches = [{ offsetBytes: startBytes, bytes }];
  const old = { startBytes: superblock.startBytes, lengthBytes: RESERVED_BYTES };
  return { data: { startBytes: 0, lengthBytes: startBytes }, patches: [...clearing([old], patches), ...patches] };
}

/** Where a superblock stood, the array has bytes of its own: nobody is to take it for one later. */
function clearing(places: readonly Extent[], patches: readonly Patch[]): Patch[] {
  const isFree = ({ startBytes, lengthBytes }: Extent) =>
    patches.every(
      ({ offsetBytes, bytes }) => offsetBytes + bytes.length <= startBytes || startBytes + lengthBytes <= offsetBytes,
    );
  return places
    .filter(isFree)
    .map(({ startBytes, lengthBytes }) => ({ offsetBytes: startBytes, bytes: Buffer.alloc(lengthBytes) }));
}

const holds = ({ startBytes, lengthBytes }: Extent, offsetBytes: number) =>
  startBytes <= offsetBytes && offsetBytes < startBytes + lengthBytes;

/** Where the array's bytes are on a member; null where it is no clean member of a mirror. @throws EngineError `READ_FAILED`, `FORMAT_INVALID` */
export async function mirrorOn(volume: BlockSource): Promise<Extent | null> {
  const member = await readMember(volume);
  return member && canGrow(member) ? member.data : null;
}
