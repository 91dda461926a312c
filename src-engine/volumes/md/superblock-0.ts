/**
 * Superblocks of version 0.90: 4 KiB of 32-bit words in the byte order of their machine, in the last 64 KiB of the member.
 * Linux, include/uapi/linux/raid/md_p.h (mdp_super_t).
 */
import { checkRange, checkSpan } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import { levelName, MD_MAGIC, sumWords, type ArrayMember, type Role } from './member.ts';

const SUPERBLOCK_BYTES = 4096;
export const RESERVED_BYTES = 64 * 1024;
const MAX_DEVICES = 27;
/** Words of the superblock. */
const AT = {
  magic: 0,
  major: 1,
  minor: 2,
  uuid0: 5,
  level: 7,
  sizeKib: 8,
  raidDisks: 10,
  mdMinor: 11,
  uuid1: 13,
  uuid2: 14,
  uuid3: 15,
  state: 33,
  checksum: 38,
  eventsLow: 39,
  eventsHigh: 40,
  thisRole: 995,
  thisState: 996,
} as const;
const STATE_CLEAN = 1;
const DISK_FAULTY = 1;
const DISK_ACTIVE_AND_SYNC = 6;

/**
 * @returns null where there is none
 * @throws EngineError `FORMAT_INVALID` for one that is damaged, `FORMAT_UNSUPPORTED`
 */
export async function readSuperblock0(volume: BlockSource): Promise<ArrayMember | null> {
  const startBytes = superblock0Start(volume.lengthBytes);
  if (startBytes < 0) return null;
  const bytes = await readBytes(volume, startBytes, SUPERBLOCK_BYTES);
  const word = (at: number) => bytes.readUInt32LE(4 * at);
  if (word(AT.magic) !== MD_MAGIC || word(AT.major) !== 0) return null;

  if (checksumOf(bytes) !== word(AT.checksum)) throw new EngineError('FORMAT_INVALID', { checksum: 'RAID superblock' });
  if (word(AT.minor) !== 90) throw new EngineError('FORMAT_UNSUPPORTED', { feature: 'array that is being reshaped' });
  const deviceCount = checkRange('raid_disks', word(AT.raidDisks), 1, MAX_DEVICES);
  const lengthBytes = word(AT.sizeKib) * 1024;
  checkSpan('size', 0, lengthBytes, startBytes);
  const state = word(AT.thisState);
  const place = word(AT.thisRole);
  const role: Role = state & DISK_FAULTY ? 'faulty' : place < deviceCount ? place : 'spare';
  return {
    version: 0,
    uuid: [AT.uuid0, AT.uuid1, AT.uuid2, AT.uuid3].map((at) => word(at).toString(16).padStart(8, '0')).join(':'),
    name: `md${word(AT.mdMinor)}`,
    level: levelName(bytes.readInt32LE(4 * AT.level)),
    role,
    deviceCount,
    events: (BigInt(word(AT.eventsHigh)) << 32n) | BigInt(word(AT.eventsLow)),
    data: { startBytes: 0, lengthBytes },
    superblock: { startBytes, lengthBytes: SUPERBLOCK_BYTES },
    // a bitmap stands behind the superblock, in the same 64 KiB
    metadata: [{ startBytes, lengthBytes: RESERVED_BYTES }],
    isInStep: (state & DISK_ACTIVE_AND_SYNC) === DISK_ACTIVE_AND_SYNC,
    isClean: (word(AT.state) & STATE_CLEAN) !== 0,
  };
}

/** Where it stands on a member; negative where there is no room for one. */
export const superblock0Start = (lengthBytes: number): number =>
  Math.floor(lengthBytes / RESERVED_BYTES - 1) * RESERVED_BYTES;

/** @param block superblock, and what stands behind it @returns a copy that says how much of each member the array takes */
export function withSize0(block: Buffer, sizeBytes: number): Buffer {
  const other = Buffer.from(block);
  other.writeUInt32LE(Math.floor(sizeBytes / 1024), 4 * AT.sizeKib);
  other.writeUInt32LE(checksumOf(other.subarray(0, SUPERBLOCK_BYTES)), 4 * AT.checksum);
  return other;
}

function checksumOf(superblock: Buffer): number {
  const summed = Buffer.from(superblock);
  summed.writeUInt32LE(0, 4 * AT.checksum);
  return sumWords(summed);
}
