/** Inodes: "XFS Algorithms & Data Structures", "On-disk Inode"; Linux, xfs_format.h, xfs_dinode. */
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import { raw, struct, u16be, u32be, u64be, u8 } from '../../core/struct.ts';
import { readBytes } from '../../disk/read.ts';
import { inodeOffset, type XfsVolume } from './addresses.ts';
import { checkBlock } from './checksum.ts';

const MAGIC = 0x494e;
const PLACES = { crcAt: 100, uuidAt: 160, ownerAt: 152 };

const layout = struct(100, {
  magic: u16be(0),
  mode: u16be(2),
  version: u8(4),
  format: u8(5),
  onlink: u16be(6),
  uid: u32be(8),
  gid: u32be(12),
  nlink: u32be(16),
  big_nextents: u64be(24),
  mtime: raw(40, 8),
  size: u64be(56),
  nextents: u32be(76),
  anextents: u16be(80),
  forkoff: u8(82),
  aformat: u8(83),
});

/** What version 3 has behind it. */
const version3 = struct(176, { flags2: u64be(120) });

const FLAG2 = { BIGTIME: 0x8n, NREXT64: 0x10n } as const;

/** How a fork keeps what is in it: in the inode, as a list of extents, as a tree of extents. */
export type ForkFormat = 'local' | 'extents' | 'btree';

const FORMATS: Partial<Record<number, ForkFormat>> = { 1: 'local', 2: 'extents', 3: 'btree' };

/** The content of an inode, or its extended attributes. */
export interface Fork {
  /** null where there is none, as for devices */
  readonly format: ForkFormat | null;
  /** the part of the inode that it has */
  readonly bytes: Buffer;
  readonly extentCount: number;
}

export interface XfsInode {
  readonly number: number;
  /** type and permissions */
  readonly mode: number;
  readonly ownerId: number;
  readonly groupId: number;
  readonly linkCount: number;
  readonly lengthBytes: number;
  readonly modifiedMs: number;
  readonly data: Fork;
  readonly attributes: Fork;
}

/**
 * @throws EngineError `FORMAT_INVALID` where there is no inode of that number, or one that is damaged or not in use;
 *   `FORMAT_UNSUPPORTED` for files whose length does not fit a number
 */
export async function readInode(volume: XfsVolume, number: number): Promise<XfsInode> {
  const { sb, view } = volume;
  const offsetBytes = inodeOffset(sb, number);
  const bytes = await readBytes(view, offsetBytes, sb.inodeBytes);
  const inode = layout.read(bytes);
  checkRange('di_magic', inode.magic, MAGIC, MAGIC);
  const hasChecksum = sb.features.hasChecksums;
  checkRange('di_version', inode.version, hasChecksum ? 3 : 1, hasChecksum ? 3 : 2);
  checkBlock(sb, bytes, 'inode', PLACES, offsetBytes, number);
  // Inodes that are not in use have no type.
  checkRange('di_mode', inode.mode, 0o10000, 0xffff);
  const flags2 = hasChecksum ? version3.read(bytes).flags2 : 0n;
  return {
    number,
    mode: inode.mode,
    ownerId: inode.uid,
    groupId: inode.gid,
    linkCount: inode.version === 1 ? inode.onlink : inode.nlink,
    lengthBytes: lengthOf(inode.size),
    modifiedMs: (flags2 & FLAG2.BIGTIME) !== 0n ? bigTime(inode.mtime) : classicTime(inode.mtime),
    ...forks(inode, bytes, (flags2 & FLAG2.NREXT64) !== 0n),
  };
}

function lengthOf(size: bigint): number {
  if (size >= 2n ** 63n) throw new EngineError('FORMAT_INVALID', { field: 'di_size', value: String(size) });
  if (size > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new EngineError('FORMAT_UNSUPPORTED', { feature: 'xfs files over 9 PB' });
  }
  return Number(size);
}

function forks(inode: ReturnType<typeof layout.read>, bytes: Buffer, hasLargeCounters: boolean) {
  const start = inode.version === 3 ? version3.size : layout.size;
  const room = bytes.length - start;
  const dataBytes = inode.forkoff === 0 ? room : checkRange('di_forkoff', inode.forkoff * 8, 8, room - 8);
  const dataCount = hasLargeCounters ? Number(inode.big_nextents) : inode.nextents;
  const attributeCount = hasLargeCounters ? inode.nextents : inode.anextents;
  return {
    data: {
      format: FORMATS[inode.format] ?? null,
      bytes: bytes.subarray(start, start + dataBytes),
      extentCount: dataCount,
    },
    attributes: {
      format: inode.forkoff === 0 ? null : (FORMATS[inode.aformat] ?? null),
      bytes: bytes.subarray(start + dataBytes),
      extentCount: attributeCount,
    },
  };
}

/** Seconds since 1970, signed, and nanoseconds, 32 bits each. */
function classicTime(bytes: Buffer): number {
  return bytes.readInt32BE(0) * 1000 + Math.floor(bytes.readUInt32BE(4) / 1e6);
}

/** Nanoseconds since the first second that 32 bits could tell. */
function bigTime(bytes: Buffer): number {
  return Number(bytes.readBigUInt64BE(0) / 1_000_000n) - 2 ** 31 * 1000;
}
