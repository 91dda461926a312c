/** Subvolumes and snapshots of btrfs, wherever they lie: struct btrfs_root_ref, btrfs_inode_ref (Linux, include/uapi/linux/btrfs_tree.h). */
import { checkSpan } from '../../core/bounds.ts';
import { struct, u16le, u64le } from '../../core/struct.ts';
import type { FileNode, SubvolumeRoot } from '../file-tree.port.ts';
import { decodePath } from '../names.ts';
import { readNode } from './inodes.ts';
import { MAX_OFFSET } from './tree.ts';
import { OBJECT, rootOf, TYPE, type BtrfsVolume, type Subvolume } from './volume.ts';

const MAX_SUBVOLUMES = 10_000;
/** Folders above one another, over all subvolumes: a longer way leads round. */
const MAX_DEPTH = 200;
const rootReference = struct(18, { folder: u64le(0), nameBytes: u16le(16) });
const inodeReference = struct(10, { nameBytes: u16le(8) });

interface Reference {
  readonly parent: bigint;
  readonly folder: bigint;
  readonly name: Buffer;
}

/** All but the topmost, in the order in which they were made; what is being deleted has no place, and is left out. */
export async function* readSubvolumes(volume: BtrfsVolume, signal: AbortSignal): AsyncGenerator<SubvolumeRoot> {
  const { sb, trees } = volume;
  const references = new Map<bigint, Reference>();
  const all = { objectId: MAX_OFFSET, type: 255, offset: MAX_OFFSET };
  for await (const item of trees.items(sb.root, { objectId: OBJECT.FIRST_FREE, type: 0, offset: 0n }, all)) {
    signal.throwIfAborted();
    if (item.type !== TYPE.ROOT_BACKREF || references.size >= MAX_SUBVOLUMES) continue;
    const { folder, nameBytes } = rootReference.read(item.data);
    references.set(item.objectId, {
      parent: item.offset,
      folder,
      name: nameIn(item.data, rootReference.size, nameBytes),
    });
  }
  for (const id of references.keys()) {
    signal.throwIfAborted();
    const root = await rootOf(volume, id);
    const names = root && (await namesOf(volume, id, references));
    if (!root || !names) continue;
    const node: FileNode = await readNode(volume, { subvolume: root, inode: root.rootInode });
    yield { path: names.map((name) => decodePath(name)).join('/'), node };
  }
}

/** @returns its names from the topmost folder on; null where there is no way to it */
async function namesOf(
  volume: BtrfsVolume,
  id: bigint,
  references: ReadonlyMap<bigint, Reference>,
): Promise<Buffer[] | null> {
  const names: Buffer[] = [];
  for (let at = id; at !== OBJECT.TOP_SUBVOLUME;) {
    const reference = references.get(at);
    const parent = reference ? await rootOf(volume, reference.parent) : null;
    const above = parent && (await foldersAbove(volume, parent, reference!.folder));
    if (!above || names.length > MAX_DEPTH) return null;
    names.unshift(...above, reference!.name);
    at = reference!.parent;
  }
  return names;
}

/** Names of the folders from the subvolume's root to one of its folders. */
async function foldersAbove({ trees }: BtrfsVolume, subvolume: Subvolume, folder: bigint): Promise<Buffer[] | null> {
  const names: Buffer[] = [];
  for (let at = folder; at !== subvolume.rootInode;) {
    // a folder has one name
    const found = await trees.floor(subvolume, { objectId: at, type: TYPE.INODE_REF, offset: MAX_OFFSET });
    if (found?.objectId !== at || found.type !== TYPE.INODE_REF || names.length > MAX_DEPTH) return null;
    names.unshift(nameIn(found.data, inodeReference.size, inodeReference.read(found.data).nameBytes));
    at = found.offset;
  }
  return names;
}

function nameIn(data: Buffer, at: number, lengthBytes: number): Buffer {
  checkSpan('name', at, lengthBytes, data.length);
  return Buffer.from(data.subarray(at, at + lengthBytes));
}
