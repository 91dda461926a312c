/** The files of ext2, ext3 and ext4. */
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { BlockSource, Extent } from '../../disk/block-source.port.ts';
import { readCache } from '../../disk/read-cache.ts';
import type { FileContent, FileNode, FileTree } from '../file-tree.port.ts';
import { mappedContent, memoryContent, type FileRun } from '../mapped-content.ts';
import { decodeName, decodePath } from '../names.ts';
import { readDescriptorTable } from './descriptors.ts';
import { namesOf, refuseEncrypted, type ExtName } from './directories.ts';
import { inlineParts } from './inline-data.ts';
import { mapOfInode, type BlockRun } from './inode-map.ts';
import { FLAG, readInode, ROOT_INODE, type ExtInode, type ExtVolume } from './inodes.ts';
import { nameMatcher } from './name-matcher.ts';
import type { ExtSuperblock } from './superblock.ts';

/** Linux limits paths to 4 KiB, and links to a block. */
const LINK_BYTES_MAX = 65_536;
/** Shorter links stand in place of the map of blocks. */
const FAST_LINK_BYTES = 60;

/**
 * @param view the volume as it is, or as the journal's recovery will leave it
 * @throws EngineError `FORMAT_INVALID`, `READ_FAILED`
 */
export async function openExt(view: BlockSource, sb: ExtSuperblock): Promise<FileTree> {
  const fs = { view: readCache(view), sb, table: await readDescriptorTable(view, sb) };
  const inodeOf = (node: FileNode) => readInode(fs, Number(node.id));
  return {
    root: nodeOf(await readInode(fs, ROOT_INODE)),
    async *list(folder, signal) {
      for await (const names of namesOf(fs, await inodeOf(folder))) {
        signal.throwIfAborted();
        yield Promise.all(
          names.map(async (entry) => ({ name: decodeName(entry.name), node: await nodeNamed(fs, entry) })),
        );
      }
    },
    async find(folder, name) {
      const inode = await inodeOf(folder);
      const isNamed = nameMatcher(name, (inode.flags & FLAG.CASEFOLD) !== 0);
      for await (const names of namesOf(fs, inode)) {
        const found = names.find((entry) => isNamed(entry.name));
        if (found) return nodeNamed(fs, found);
      }
      return null;
    },
    async readLink(link) {
      const inode = await inodeOf(link);
      const content = contentOf(fs, inode);
      const target = Buffer.alloc(checkRange('length of a link', content.lengthBytes, 0, LINK_BYTES_MAX));
      await content.readInto(0, target);
      return decodePath(target);
    },
    open: async (file) => contentOf(fs, await inodeOf(file)),
    async *extents(node, signal) {
      const inode = await inodeOf(node);
      if (!hasMap(inode)) return;
      for await (const { block, runs } of mapOfInode(fs, inode)) {
        signal.throwIfAborted();
        const places = runs.map((run) => placeOf(fs, run.start, run.count));
        yield block === null ? places : [placeOf(fs, block, 1), ...places];
      }
    },
  };
}

/** An inode that is damaged does not hide its folder: it has a name, and whoever opens it is told. */
async function nodeNamed(fs: ExtVolume, { inode, kind = 'file' }: ExtName): Promise<FileNode> {
  try {
    return nodeOf(await readInode(fs, inode));
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== 'FORMAT_INVALID') throw error;
    const unknown = { lengthBytes: 0, modifiedMs: null, mode: null, ownerId: null, groupId: null, linkCount: 1 };
    return { id: String(inode), kind, ...unknown };
  }
}

function nodeOf(inode: ExtInode): FileNode {
  const hasContent = inode.kind === 'file' || inode.kind === 'link';
  return {
    id: String(inode.number),
    kind: inode.kind,
    lengthBytes: hasContent ? inode.lengthBytes : 0,
    modifiedMs: inode.modifiedMs,
    mode: inode.mode,
    ownerId: inode.ownerId,
    groupId: inode.groupId,
    linkCount: inode.linkCount,
  };
}

/** Links that are stored in blocks have extents, or are too long for their inode. */
function isFastLink({ kind, flags, lengthBytes }: ExtInode): boolean {
  return kind === 'link' && (flags & FLAG.EXTENTS) === 0 && lengthBytes < FAST_LINK_BYTES;
}

/** Whether the inode has blocks: devices keep their numbers in place of the map. */
function hasMap(inode: ExtInode): boolean {
  if (inode.flags & FLAG.INLINE_DATA || isFastLink(inode)) return false;
  return inode.kind === 'file' || inode.kind === 'folder' || inode.kind === 'link';
}

function contentOf(fs: ExtVolume, inode: ExtInode): FileContent {
  refuseEncrypted(inode);
  if (hasMap(inode)) {
    return mappedContent(fs.view, inode.lengthBytes, (offsetBytes) => writtenRuns(fs, inode, offsetBytes));
  }
  const isInline = (inode.flags & FLAG.INLINE_DATA) !== 0;
  const bytes = isInline ? Buffer.concat(inlineParts(inode)) : inode.map;
  return memoryContent(bytes.subarray(0, checkRange('i_size', inode.lengthBytes, 0, bytes.length)));
}

async function* writtenRuns(fs: ExtVolume, inode: ExtInode, offsetBytes: number): AsyncGenerator<FileRun[]> {
  const { blockBytes } = fs.sb;
  const fileRun = (run: BlockRun): FileRun => ({
    fileBytes: run.logical * blockBytes,
    volumeBytes: run.start * blockBytes,
    lengthBytes: run.count * blockBytes,
  });
  for await (const { runs } of mapOfInode(fs, inode, Math.floor(offsetBytes / blockBytes))) {
    yield runs.filter((run) => run.isWritten).map(fileRun);
  }
}

/** @throws EngineError `FORMAT_INVALID` where the volume is cut off before its end */
function placeOf({ view, sb }: ExtVolume, block: number, count: number): Extent {
  const startBytes = block * sb.blockBytes;
  const lengthBytes = count * sb.blockBytes;
  checkRange('block of an inode', startBytes + lengthBytes, 0, view.lengthBytes);
  return { startBytes, lengthBytes };
}
