/** The files of XFS. */
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { FileKind } from '../../contract/files.contract.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readCache } from '../../disk/read-cache.ts';
import type { FileNode, FileTree, FolderEntry } from '../file-tree.port.ts';
import { decodeName } from '../names.ts';
import type { XfsVolume } from './addresses.ts';
import { contentOf } from './content.ts';
import { findInDirectory, readDirectory } from './directory.ts';
import type { RawEntry } from './directory-entries.ts';
import { readInode, type XfsInode } from './inode.ts';
import { ownExtents } from './own-extents.ts';
import type { XfsSuperblock } from './superblock.ts';
import { readSymlink } from './symlink.ts';

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

/** Inodes that are read at once: mostly neighbours, which one read of the cache brings. */
const INODES_AT_ONCE = 64;

/** @throws EngineError `FORMAT_INVALID` where there is no root folder, `READ_FAILED` */
export async function openTree(source: BlockSource, sb: XfsSuperblock): Promise<FileTree> {
  const volume: XfsVolume = { sb, view: readCache(source) };
  const root = nodeOf(await readInode(volume, sb.rootInode));
  if (root.kind !== 'folder') refuse('sb_rootino', root.kind);
  return {
    root,
    async *list(folder, signal) {
      const inode = await inodeOf(volume, folder, 'folder');
      for await (const entries of readDirectory(volume, inode)) {
        for (let at = 0; at < entries.length; at += INODES_AT_ONCE) {
          signal.throwIfAborted();
          const some = entries.slice(at, at + INODES_AT_ONCE);
          yield await Promise.all(
            some.map(async (entry): Promise<FolderEntry> => {
              return { name: decodeName(entry.name), node: await nodeNamed(volume, entry) };
            }),
          );
        }
      }
    },
    async find(folder, name) {
      const found = await findInDirectory(volume, await inodeOf(volume, folder, 'folder'), name);
      return found && nodeNamed(volume, found);
    },
    readLink: async (link) => readSymlink(volume, await inodeOf(volume, link, 'link')),
    open: async (file) => contentOf(volume, await inodeOf(volume, file, 'file')),
    async *extents(node, signal) {
      yield* ownExtents(volume, await inodeOf(volume, node, node.kind), signal);
    },
  };
}

/** An inode that is damaged does not hide its folder: it has a name, and whoever opens it is told. */
async function nodeNamed(volume: XfsVolume, { inode, kind }: RawEntry): Promise<FileNode> {
  try {
    return nodeOf(await readInode(volume, inode));
  } catch (error) {
    const isOfFormat = error instanceof EngineError && /^FORMAT_/.test(error.code);
    if (!isOfFormat) throw error;
    const unknown = { lengthBytes: 0, modifiedMs: null, mode: null, ownerId: null, groupId: null, linkCount: 1 };
    return { id: String(inode), kind: kind ?? 'file', ...unknown };
  }
}

async function inodeOf(volume: XfsVolume, node: FileNode, kind: FileKind): Promise<XfsInode> {
  const inode = await readInode(volume, checkRange('inode number', Number(node.id), 1, Number.MAX_SAFE_INTEGER));
  const found = kindOf(inode);
  if (found !== kind) refuse('di_mode', found);
  return inode;
}

function kindOf({ mode }: XfsInode): FileKind {
  return KINDS[mode >>> 12] ?? refuse('di_mode', mode.toString(8));
}

function nodeOf(inode: XfsInode): FileNode {
  const kind = kindOf(inode);
  return {
    id: String(inode.number),
    kind,
    lengthBytes: kind === 'file' || kind === 'link' ? inode.lengthBytes : 0,
    modifiedMs: inode.modifiedMs,
    mode: inode.mode & 0o7777,
    ownerId: inode.ownerId,
    groupId: inode.groupId,
    linkCount: inode.linkCount,
  };
}

function refuse(field: string, value: string): never {
  throw new EngineError('FORMAT_INVALID', { field, value });
}
