/** Folders: struct btrfs_dir_item (Linux, include/uapi/linux/btrfs_tree.h). Listed by index, found by the hash of the name. */
import { checkSpan } from '../../core/bounds.ts';
import { crc32c } from '../../core/crc32c.ts';
import { EngineError } from '../../core/engine-error.ts';
import { struct, u16le, u64le, u8 } from '../../core/struct.ts';
import type { FileKind } from '../../contract/files.contract.ts';
import type { FileNode } from '../file-tree.port.ts';
import { emptyFolder, idOf, readNode, type InodePlace } from './inodes.ts';
import { MAX_OFFSET } from './tree.ts';
import { rootOf, TYPE, type BtrfsVolume } from './volume.ts';

const entryHead = struct(30, {
  objectId: u64le(0),
  targetType: u8(8),
  dataBytes: u16le(25),
  nameBytes: u16le(27),
  kind: u8(29),
});
/** BTRFS_FT_*; index is the number. */
const KINDS: readonly FileKind[] = [
  'file',
  'file',
  'folder',
  'character-device',
  'block-device',
  'fifo',
  'socket',
  'link',
];
const rootReference = struct(18, { folder: u64le(0), nameBytes: u16le(16) });

const MAX_NAME_BYTES = 255;

export interface RawEntry {
  readonly name: Buffer;
  /** an inode of the same subvolume, or the id of a subvolume */
  readonly target: bigint;
  readonly isSubvolume: boolean;
  readonly kind: FileKind;
}

/** In the order in which names were added. */
export async function* readFolder({ trees }: BtrfsVolume, { subvolume, inode }: InodePlace): AsyncGenerator<RawEntry> {
  const key = { objectId: inode, type: TYPE.DIR_INDEX };
  for await (const { data } of trees.items(subvolume, { ...key, offset: 0n }, { ...key, offset: MAX_OFFSET })) {
    yield* entriesIn(data);
  }
}

/** @param name as bytes */
export async function findInFolder(
  { trees }: BtrfsVolume,
  { subvolume, inode }: InodePlace,
  name: Buffer,
): Promise<RawEntry | null> {
  const offset = BigInt(crc32c(0xfffffffe, name));
  const item = await trees.find(subvolume, { objectId: inode, type: TYPE.DIR_ITEM, offset });
  // names of the same hash share an item
  for (const entry of item ? entriesIn(item.data) : []) if (entry.name.equals(name)) return entry;
  return null;
}

function* entriesIn(data: Buffer): Generator<RawEntry> {
  for (let at = 0; at < data.length;) {
    const { objectId, targetType, dataBytes, nameBytes, kind } = entryHead.read(data, at);
    checkSpan('dir item', at + entryHead.size, nameBytes + dataBytes, data.length);
    if (nameBytes === 0 || nameBytes > MAX_NAME_BYTES) {
      throw new EngineError('FORMAT_INVALID', { field: 'name_len', value: String(nameBytes) });
    }
    const name = Buffer.from(data.subarray(at + entryHead.size, at + entryHead.size + nameBytes));
    yield { name, target: objectId, isSubvolume: targetType === TYPE.ROOT, kind: KINDS[kind] ?? 'file' };
    at += entryHead.size + nameBytes + dataBytes;
  }
}

/**
 * An inode that is damaged does not hide its folder: it has a name, and whoever opens it is told.
 * @param folder where the entry stands, and its node
 */
export async function nodeOf(
  volume: BtrfsVolume,
  folder: InodePlace,
  folderNode: FileNode,
  entry: RawEntry,
): Promise<FileNode> {
  let place: InodePlace = { subvolume: folder.subvolume, inode: entry.target };
  try {
    if (entry.isSubvolume) {
      const subvolume = (await isReferred(volume, folder, entry)) ? await rootOf(volume, entry.target) : null;
      if (!subvolume) return emptyFolder(entry.target, folderNode);
      place = { subvolume, inode: subvolume.rootInode };
    }
    return await readNode(volume, place);
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== 'FORMAT_INVALID') throw error;
    const unknown = { lengthBytes: 0, modifiedMs: null, mode: null, ownerId: null, groupId: null, linkCount: 1 };
    return { id: idOf(place), kind: entry.kind, ...unknown };
  }
}

/** A snapshot keeps the names of subvolumes inside it, which stay where they were: only there they are referred to. */
async function isReferred(
  { sb, trees }: BtrfsVolume,
  { subvolume, inode }: InodePlace,
  { target, name }: RawEntry,
): Promise<boolean> {
  const found = await trees.find(sb.root, { objectId: subvolume.id, type: TYPE.ROOT_REF, offset: target });
  if (!found) return false;
  const { folder, nameBytes } = rootReference.read(found.data);
  return folder === inode && found.data.subarray(rootReference.size, rootReference.size + nameBytes).equals(name);
}
