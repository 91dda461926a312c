/** An opened btrfs: its chunks and the roots of its trees. Source: Linux, include/uapi/linux/btrfs_tree.h. */
import { EngineError } from '../../core/engine-error.ts';
import { struct, u32le, u64le, u8 } from '../../core/struct.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { addSystemChunks, CHUNK_ITEM, ChunkMap } from './chunk-map.ts';
import { address, level, type BtrfsSuperblock, type TreeRoot } from './superblock.ts';
import { MAX_OFFSET, Trees } from './tree.ts';

export const OBJECT = {
  EXTENT_TREE: 2n,
  TOP_SUBVOLUME: 5n,
  FREE_SPACE_TREE: 10n,
  BLOCK_GROUP_TREE: 11n,
  CHUNK_TREE: 256n,
  FIRST_FREE: 256n,
};
export const TYPE = {
  INODE: 1,
  INODE_REF: 12,
  DIR_ITEM: 84,
  DIR_INDEX: 96,
  EXTENT_DATA: 108,
  ROOT: 132,
  ROOT_BACKREF: 144,
  ROOT_REF: 156,
  EXTENT: 168,
  METADATA: 169,
  BLOCK_GROUP: 192,
  FREE_SPACE_INFO: 198,
  FREE_SPACE_EXTENT: 199,
  FREE_SPACE_BITMAP: 200,
  CHUNK: CHUNK_ITEM,
};

/** struct btrfs_root_item, as far as it matters; older ones end behind the level. */
const rootItem = struct(239, {
  generation: u64le(160),
  rootInode: u64le(168),
  bytenr: u64le(176),
  references: u32le(216),
  level: u8(238),
});

export interface BtrfsVolume {
  readonly sb: BtrfsSuperblock;
  readonly map: ChunkMap;
  readonly trees: Trees;
}

export interface Subvolume extends TreeRoot {
  readonly id: bigint;
  readonly rootInode: bigint;
}

/** @throws EngineError `FORMAT_INVALID`, `FORMAT_UNSUPPORTED` */
export async function openVolume(source: BlockSource, sb: BtrfsSuperblock): Promise<BtrfsVolume> {
  const map = new ChunkMap(source);
  addSystemChunks(map, sb);
  const trees = new Trees(map, sb);
  const key = { objectId: OBJECT.CHUNK_TREE, type: TYPE.CHUNK };
  for await (const item of trees.items(sb.chunkRoot, { ...key, offset: 0n }, { ...key, offset: MAX_OFFSET })) {
    map.add(item.offset, item.data, sb);
  }
  return { sb, map, trees };
}

/** The newest root of a tree, or null where there is no such tree. */
export async function rootOf({ sb, trees }: BtrfsVolume, id: bigint): Promise<Subvolume | null> {
  const found = await trees.floor(sb.root, { objectId: id, type: TYPE.ROOT, offset: MAX_OFFSET });
  if (found?.objectId !== id || found.type !== TYPE.ROOT) return null;
  const { generation, rootInode, bytenr, level: levels } = rootItem.read(found.data);
  return { id, rootInode, generation, bytenr: address('root bytenr', bytenr), level: level(levels) };
}

/**
 * Every tree that the tree of roots names, in its order. Of one that is being deleted (`isDeleted`) parts may be gone.
 * @throws EngineError `FORMAT_INVALID`
 */
export async function* roots({ sb, trees }: BtrfsVolume): AsyncGenerator<TreeRoot & { readonly isDeleted: boolean }> {
  const all = { objectId: MAX_OFFSET, type: 255, offset: MAX_OFFSET };
  for await (const { type, data } of trees.items(sb.root, { objectId: 0n, type: 0, offset: 0n }, all)) {
    if (type !== TYPE.ROOT) continue;
    const { generation, bytenr, references, level: levels } = rootItem.read(data);
    yield { generation, bytenr: address('root bytenr', bytenr), level: level(levels), isDeleted: references === 0 };
  }
}

/** @throws EngineError `FORMAT_INVALID` where there is no such tree */
export async function needRoot(volume: BtrfsVolume, id: bigint): Promise<Subvolume> {
  const root = await rootOf(volume, id);
  if (!root) throw new EngineError('FORMAT_INVALID', { field: 'tree', value: String(id) });
  return root;
}
