/** The superblock of btrfs and its copies. Source: Linux, include/uapi/linux/btrfs_tree.h, struct btrfs_super_block; btrfs documentation, "On-disk format". */
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import { raw, struct, text, u16le, u32le, u64le, u8 } from '../../core/struct.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import { checksumOf, type ChecksumType } from './checksum.ts';

export const SUPERBLOCK_BYTES = 4096;
/** The same block at 64 KiB, 64 MiB and 256 GiB, as far as the device reaches. */
export const SUPERBLOCK_PLACES = [64 * 1024, 64 * 1024 * 1024, 256 * 2 ** 30];
const MAGIC = '_BHRfS_M';
const MAX_SYSTEM_CHUNK_BYTES = 2048;

const fields = struct(SUPERBLOCK_BYTES, {
  checksum: raw(0, 32),
  fsid: raw(32, 16),
  bytenr: u64le(48),
  flags: u64le(56),
  magic: text(64, 8),
  generation: u64le(72),
  root: u64le(80),
  chunkRoot: u64le(88),
  logRoot: u64le(96),
  usedBytes: u64le(120),
  deviceCount: u64le(136),
  sectorBytes: u32le(144),
  nodeBytes: u32le(148),
  systemChunkBytes: u32le(160),
  chunkRootGeneration: u64le(164),
  compatRo: u64le(180),
  incompat: u64le(188),
  checksumType: u16le(196),
  rootLevel: u8(198),
  chunkRootLevel: u8(199),
  deviceId: u64le(201),
  deviceBytes: u64le(209),
  label: text(299, 256, 'utf8'),
  metadataUuid: raw(571, 16),
  systemChunks: raw(811, MAX_SYSTEM_CHUNK_BYTES),
});

export const INCOMPAT = {
  METADATA_UUID: 1n << 10n,
  ZONED: 1n << 12n,
  EXTENT_TREE_V2: 1n << 13n,
  RAID_STRIPE_TREE: 1n << 14n,
};
/** Backrefs, default subvolume, mixed groups, compression, big metadata, long names of links, RAID, skinny metadata, no holes, metadata UUID, simple quota. */
const KNOWN_INCOMPAT = 0xfffn | (1n << 16n);
const REFUSED: [bigint, string][] = [
  [INCOMPAT.ZONED, 'btrfs zoned'],
  [INCOMPAT.EXTENT_TREE_V2, 'btrfs extent tree v2'],
  [INCOMPAT.RAID_STRIPE_TREE, 'btrfs RAID stripe tree'],
];
/** Free-space tree, whether it is valid, fs-verity, block-group tree. Others may say elsewhere what is used: that tree does. */
const KNOWN_COMPAT_RO = 0xfn;
/** There is one, and it is valid. */
const COMPAT_RO_FREE_SPACE_TREE = 0b11n;
const COMPAT_RO_BLOCK_GROUP_TREE = 1n << 3n;
const FLAG_ERROR = 1n << 2n;
/** Written, being relocated, errors: those behind stand for what is half done, and for what cannot be mounted. */
const KNOWN_FLAGS = 0b111n;
const FLAGS_REFUSED: [bigint, string][] = [
  [1n << 32n, 'btrfs seed device'],
  [1n << 33n, 'btrfs metadata dump'],
  [1n << 34n, 'btrfs metadata dump'],
];

/** A root of a tree: where its topmost node is, in the file system's own (logical) addresses, and which change wrote it. */
export interface TreeRoot {
  readonly bytenr: number;
  readonly level: number;
  readonly generation: bigint;
}

export interface BtrfsSuperblock {
  readonly fsid: Buffer;
  /** what nodes say they belong to */
  readonly metadataUuid: Buffer;
  readonly label: string;
  readonly sectorBytes: number;
  readonly nodeBytes: number;
  /** of all extents, each counted once */
  readonly usedBytes: number;
  readonly deviceBytes: number;
  readonly deviceId: bigint;
  /** where the items of block groups are: in a tree of their own, or among the extents */
  readonly hasBlockGroupTree: boolean;
  /** whether what is free stands in a tree, too, and is up to date there */
  readonly hasFreeSpaceTree: boolean;
  readonly checksumType: ChecksumType;
  readonly hasErrors: boolean;
  /** the first copy, which is what the kernel mounts, is damaged or is not the newest */
  readonly isFirstStale: boolean;
  readonly hasLog: boolean;
  readonly root: TreeRoot;
  readonly chunkRoot: TreeRoot;
  /** pairs of keys and chunk items that lead to the chunk tree */
  readonly systemChunks: Buffer;
}

/**
 * @returns the newest copy whose checksum is right; null where there is none at 64 KiB. What another file system left at the
 *   other places does not count
 * @throws EngineError `FORMAT_INVALID`; `FORMAT_UNSUPPORTED` for several devices and for features that change where things are
 */
export async function readSuperblock(volume: BlockSource): Promise<BtrfsSuperblock | null> {
  const places = SUPERBLOCK_PLACES.filter((place) => place + SUPERBLOCK_BYTES <= volume.lengthBytes);
  if (places.length === 0) return null;
  const copies: Buffer[] = [];
  for (const place of places) copies.push(await readBytes(volume, place, SUPERBLOCK_BYTES));
  const { magic, fsid } = fields.read(copies[0]);
  if (magic !== MAGIC) return null;
  const whole = copies.filter((bytes, i) => isWhole(bytes, places[i], fsid));
  if (whole.length === 0) throw new EngineError('FORMAT_INVALID', { field: 'superblock', checksum: 'superblock' });
  const newest = whole.reduce((a, b) => (fields.read(b).generation > fields.read(a).generation ? b : a));
  return checked(newest, newest !== copies[0]);
}

export function isWhole(bytes: Buffer, place: number, expectedFsid: Buffer): boolean {
  const { magic, checksum, checksumType, bytenr, fsid } = fields.read(bytes);
  if (magic !== MAGIC || bytenr !== BigInt(place) || !fsid.equals(expectedFsid)) return false;
  const expected = checksumOf(checksumType as ChecksumType, bytes.subarray(32));
  return expected === null || expected.equals(checksum.subarray(0, expected.length));
}

function checked(bytes: Buffer, isFirstStale: boolean): BtrfsSuperblock {
  const f = fields.read(bytes);
  checkRange('csum_type', f.checksumType, 0, 3);
  checkRange('sectorsize', f.sectorBytes, 512, 65_536);
  checkRange('nodesize', f.nodeBytes, 4096, 65_536);
  if ((f.sectorBytes & (f.sectorBytes - 1)) !== 0 || (f.nodeBytes & (f.nodeBytes - 1)) !== 0) {
    throw new EngineError('FORMAT_INVALID', { field: 'nodesize', value: `${f.nodeBytes}/${f.sectorBytes}` });
  }
  checkRange('sys_chunk_array_size', f.systemChunkBytes, 1, MAX_SYSTEM_CHUNK_BYTES);
  const refused = REFUSED.find(([bit]) => f.incompat & bit) ?? FLAGS_REFUSED.find(([bit]) => f.flags & bit);
  if (refused) throw new EngineError('FORMAT_UNSUPPORTED', { feature: refused[1] });
  if (f.incompat & ~KNOWN_INCOMPAT) {
    throw new EngineError('FORMAT_UNSUPPORTED', { feature: `btrfs incompat 0x${f.incompat.toString(16)}` });
  }
  if (f.compatRo & ~KNOWN_COMPAT_RO) {
    throw new EngineError('FORMAT_UNSUPPORTED', { feature: `btrfs compat_ro 0x${f.compatRo.toString(16)}` });
  }
  if (f.flags & ~KNOWN_FLAGS) {
    throw new EngineError('FORMAT_UNSUPPORTED', { feature: `btrfs flags 0x${f.flags.toString(16)}` });
  }
  if (f.deviceCount !== 1n) {
    const devices = Number(f.deviceCount > 65_536n ? 65_536n : f.deviceCount);
    throw new EngineError('FORMAT_UNSUPPORTED', { feature: 'several devices', devices });
  }
  return {
    fsid: f.fsid,
    metadataUuid: f.incompat & INCOMPAT.METADATA_UUID ? f.metadataUuid : f.fsid,
    label: f.label,
    sectorBytes: f.sectorBytes,
    nodeBytes: f.nodeBytes,
    usedBytes: address('bytes_used', f.usedBytes),
    deviceBytes: address('total_bytes', f.deviceBytes),
    deviceId: f.deviceId,
    hasBlockGroupTree: (f.compatRo & COMPAT_RO_BLOCK_GROUP_TREE) !== 0n,
    hasFreeSpaceTree: (f.compatRo & COMPAT_RO_FREE_SPACE_TREE) === COMPAT_RO_FREE_SPACE_TREE,
    checksumType: f.checksumType as ChecksumType,
    hasErrors: (f.flags & FLAG_ERROR) !== 0n,
    isFirstStale,
    hasLog: f.logRoot !== 0n,
    root: { bytenr: address('root', f.root), level: level(f.rootLevel), generation: f.generation },
    chunkRoot: {
      bytenr: address('chunk_root', f.chunkRoot),
      level: level(f.chunkRootLevel),
      generation: f.chunkRootGeneration,
    },
    systemChunks: f.systemChunks.subarray(0, f.systemChunkBytes),
  };
}

const MAX_LEVEL = 7;
/** @throws EngineError `FORMAT_INVALID` for trees that are deeper than any can be */
export const level = (value: number) => checkRange('level', value, 0, MAX_LEVEL);

/** An address or length of 64 bits as a number. @throws EngineError `FORMAT_INVALID` */
export function address(what: string, value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER))
    throw new EngineError('FORMAT_INVALID', { field: what, value: String(value) });
  return Number(value);
}
