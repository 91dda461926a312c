/** Inodes: struct btrfs_inode_item (Linux, include/uapi/linux/btrfs_tree.h). */
import type { FileKind } from '../../contract/files.contract.ts';
import { EngineError } from '../../core/engine-error.ts';
import { struct, u32le, u64le } from '../../core/struct.ts';
import type { FileNode } from '../file-tree.port.ts';
import { address } from './superblock.ts';
import { rootOf, TYPE, type BtrfsVolume, type Subvolume } from './volume.ts';

const inodeItem = struct(160, {
  size: u64le(16),
  linkCount: u32le(40),
  ownerId: u32le(44),
  groupId: u32le(48),
  mode: u32le(52),
  modifiedSeconds: u64le(136),
  modifiedNanoseconds: u32le(144),
});

/** Types in the mode, as in stat(2). */
const KINDS: Partial<Record<number, FileKind>> = {
  0o01: 'fifo',
  0o02: 'character-device',
  0o04: 'folder',
  0o06: 'block-device',
  0o10: 'file',
  0o12: 'link',
  0o14: 'socket',
};

/** A place in a subvolume: what a node's id stands for. */
export interface InodePlace {
  readonly subvolume: Subvolume;
  readonly inode: bigint;
}

export const idOf = ({ subvolume, inode }: InodePlace) => `${subvolume.id}:${inode}`;

/** @throws EngineError `FORMAT_INVALID` for an id of no node of this file system */
export async function placeOf(volume: BtrfsVolume, id: string): Promise<InodePlace> {
  const [subvolumeId, inode] = id.split(':').map(BigInt);
  const subvolume = await rootOf(volume, subvolumeId);
  if (!subvolume) throw new EngineError('FORMAT_INVALID', { field: 'subvolume', value: id });
  return { subvolume, inode };
}

/** @throws EngineError `FORMAT_INVALID` where there is no such inode */
export async function readNode({ trees }: BtrfsVolume, place: InodePlace): Promise<FileNode> {
  const found = await trees.find(place.subvolume, { objectId: place.inode, type: TYPE.INODE, offset: 0n });
  if (!found) throw new EngineError('FORMAT_INVALID', { field: 'inode', value: idOf(place) });
  const inode = inodeItem.read(found.data);
  const kind = KINDS[inode.mode >>> 12];
  if (!kind) throw new EngineError('FORMAT_INVALID', { field: 'mode', value: inode.mode.toString(8) });
  return {
    id: idOf(place),
    kind,
    lengthBytes: kind === 'file' || kind === 'link' ? address('inode size', inode.size) : 0,
    modifiedMs: timeOf(inode.modifiedSeconds, inode.modifiedNanoseconds),
    mode: inode.mode & 0o7777,
    ownerId: inode.ownerId,
    groupId: inode.groupId,
    linkCount: inode.linkCount,
  };
}

/** Seconds are signed. @returns null for what no calendar holds */
function timeOf(seconds: bigint, nanoseconds: number): number | null {
  const ms = Number(BigInt.asIntN(64, seconds)) * 1000 + Math.floor(nanoseconds / 1e6);
  return Math.abs(ms) <= 8.64e15 ? ms : null;
}

/**
 * What stands in a snapshot where a subvolume was: an empty folder with the owner of the one above, and no time of its own
 * (Linux, fs/btrfs/inode.c, new_simple_dir). Its id has three numbers: those of the folder above, and the subvolume's.
 */
export function emptyFolder(subvolumeId: bigint, parent: FileNode): FileNode {
  const id = `${parent.id}:${subvolumeId}`;
  return { ...parent, id, kind: 'folder', mode: 0o755, modifiedMs: null, linkCount: 1, lengthBytes: 0 };
}

export const isEmptyFolder = ({ id }: FileNode) => id.split(':').length === 3;
