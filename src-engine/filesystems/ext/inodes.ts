/** Inodes: Linux, Documentation/filesystems/ext4/inodes.rst. */
import type { FileKind } from '../../contract/files.contract.ts';
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import { raw, struct, u16le, u32le } from '../../core/struct.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import { descriptorOf } from './descriptors.ts';
import { INCOMPAT, RO_COMPAT } from './features.ts';
import { inodeChecksum, inodeSeed } from './inode-checksums.ts';
import type { ExtSuperblock } from './superblock.ts';

/** A file system that is open for reading. */
export interface ExtVolume {
  /** the volume as it is, or as the journal's recovery will leave it */
  readonly view: BlockSource;
  readonly sb: ExtSuperblock;
  /** the group descriptors */
  readonly table: Buffer;
}

/** What every inode has. */
const layout = struct(128, {
  mode: u16le(0x00),
  uid_lo: u16le(0x02),
  size_lo: u32le(0x04),
  mtime: u32le(0x10),
  gid_lo: u16le(0x18),
  links_count: u16le(0x1a),
  flags: u32le(0x20),
  block: raw(0x28, 60),
  generation: u32le(0x64),
  size_high: u32le(0x6c),
  uid_high: u16le(0x78),
  gid_high: u16le(0x7a),
  checksum_lo: u16le(0x7c),
});
const EXTRA_ISIZE_AT = 0x80;
const CHECKSUM_HI_AT = 0x82;
const MTIME_EXTRA_AT = 0x88;

export const FLAG = {
  ENCRYPT: 0x800,
  INDEX: 0x1000,
  EXTENTS: 0x80000,
  INLINE_DATA: 0x10000000,
  CASEFOLD: 0x40000000,
} as const;

export const ROOT_INODE = 2;

const KINDS: Record<number, FileKind> = {
  0x1: 'fifo',
  0x2: 'character-device',
  0x4: 'folder',
  0x6: 'block-device',
  0x8: 'file',
  0xa: 'link',
  0xc: 'socket',
};

export interface ExtInode {
  readonly number: number;
  readonly kind: FileKind;
  /** permission bits */
  readonly mode: number;
  readonly ownerId: number;
  readonly groupId: number;
  readonly lengthBytes: number;
  readonly linkCount: number;
  readonly modifiedMs: number;
  readonly flags: number;
  /** the root of the map of its blocks, or what is small enough to stand in its place */
  readonly map: Buffer;
  /** what the inode has behind its fixed fields: extended attributes */
  readonly attributes: Buffer;
  /** what the checksums of its blocks begin with */
  readonly seed: number;
}

/** @throws EngineError `FORMAT_INVALID` where there is no such inode, its checksum is wrong or a field cannot be; `READ_FAILED` */
export async function readInode(fs: ExtVolume, number: number): Promise<ExtInode> {
  return parseInode(fs.sb, number, await readBytes(fs.view, placeOf(fs, number), fs.sb.inodeBytes));
}

function placeOf({ sb, table }: ExtVolume, number: number): number {
  const index = checkRange('inode', number, 1, sb.inodesPerGroup * sb.groupCount) - 1;
  const group = Math.floor(index / sb.inodesPerGroup);
  const tableBytes = descriptorOf(sb, table, group).inodeTable * sb.blockBytes;
  return tableBytes + (index % sb.inodesPerGroup) * sb.inodeBytes;
}

function parseInode(sb: ExtSuperblock, number: number, bytes: Buffer): ExtInode {
  const i = layout.read(bytes);
  const extraBytes = bytes.length > 128 ? bytes.readUInt16LE(EXTRA_ISIZE_AT) : 0;
  checkRange('i_extra_isize', extraBytes, 0, Math.max(0, bytes.length - 128));
  const hasExtra = (at: number, length: number) => 128 + extraBytes >= at + length;

  const seed = inodeSeed(sb, number, i.generation);
  if (sb.features.roCompat & RO_COMPAT.METADATA_CSUM) {
    const isWide = hasExtra(CHECKSUM_HI_AT, 2);
    const expected = i.checksum_lo + (isWide ? bytes.readUInt16LE(CHECKSUM_HI_AT) * 2 ** 16 : 0);
    const sum = inodeChecksum(seed, bytes, isWide);
    if ((isWide ? sum : sum & 0xffff) !== expected) {
      throw new EngineError('FORMAT_INVALID', { checksum: 'inode', inode: number });
    }
  }
  const kind = KINDS[i.mode >>> 12];
  if (kind === undefined) throw new EngineError('FORMAT_INVALID', { field: 'i_mode', value: String(i.mode) });
  return {
    number,
    kind,
    mode: i.mode & 0o7777,
    ownerId: i.uid_lo + i.uid_high * 2 ** 16,
    groupId: i.gid_lo + i.gid_high * 2 ** 16,
    lengthBytes: lengthOf(sb, kind, i.size_lo, i.size_high),
    linkCount: i.links_count,
    modifiedMs: timeOf(i.mtime, hasExtra(MTIME_EXTRA_AT, 4) ? bytes.readUInt32LE(MTIME_EXTRA_AT) : 0),
    flags: i.flags,
    map: i.block,
    attributes: bytes.subarray(128 + extraBytes),
    seed,
  };
}

/** Of folders, the upper half is something else unless they may be large. No file has more blocks than 32 bits can count. */
function lengthOf(sb: ExtSuperblock, kind: FileKind, low: number, high: number): number {
  const isLargeDir = kind === 'folder' && (sb.features.incompat & INCOMPAT.LARGEDIR) !== 0;
  const lengthBytes = low + (kind === 'file' || isLargeDir ? high * 2 ** 32 : 0);
  return checkRange('i_size', lengthBytes, 0, 2 ** 32 * sb.blockBytes);
}

/** 32 bits with a sign; two more bits of seconds, and the nanoseconds, are in the extra field ("Inode Timestamps"). */
function timeOf(seconds: number, extra: number): number {
  return ((seconds | 0) + (extra & 3) * 2 ** 32) * 1000 + Math.floor((extra >>> 2) / 1e6);
}
