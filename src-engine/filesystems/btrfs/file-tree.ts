/** The files of btrfs: the topmost subvolume, with the others as folders at their places in it. */
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { FileNode, FileTree, FolderEntry } from '../file-tree.port.ts';
import { decodeName, decodePath } from '../names.ts';
import { contentOf, placesInVolume } from './contents.ts';
import { findInFolder, nodeOf, readFolder, type RawEntry } from './directories.ts';
import { isEmptyFolder, placeOf, readNode, type InodePlace } from './inodes.ts';
import { readSubvolumes } from './subvolumes.ts';
import { needRoot, OBJECT, type BtrfsVolume } from './volume.ts';

const BATCH = 64;
/** The target of a link lies in one inline extent. */
const MAX_LINK_BYTES = 4096;

/** @throws EngineError `FORMAT_INVALID` where there is no root folder */
export async function openTree(volume: BtrfsVolume): Promise<FileTree> {
  const top = await needRoot(volume, OBJECT.TOP_SUBVOLUME);
  const root = await readNode(volume, { subvolume: top, inode: top.rootInode });
  need(root, 'folder');

  /** Reads its inode again: of a damaged one, a listing shows no more than the name. */
  async function opened(node: FileNode, kind: FileNode['kind']): Promise<{ place: InodePlace; node: FileNode }> {
    need(node, kind);
    const place = await placeOf(volume, node.id);
    const read = await readNode(volume, place);
    need(read, kind);
    return { place, node: read };
  }

  return {
    root,
    async *list(folder, signal) {
      if (isEmptyFolder(folder)) return;
      const { place } = await opened(folder, 'folder');
      const entriesOf = (some: RawEntry[]) =>
        Promise.all(
          some.map(async (entry): Promise<FolderEntry> => {
            return { name: decodeName(entry.name), node: await nodeOf(volume, place, folder, entry) };
          }),
        );
      let some: RawEntry[] = [];
      for await (const entry of readFolder(volume, place)) {
        if (isDots(entry.name))
          throw new EngineError('FORMAT_INVALID', { field: 'name', value: entry.name.toString() });
        some.push(entry);
        if (some.length < BATCH) continue;
        signal.throwIfAborted();
        yield await entriesOf(some);
        some = [];
      }
      if (some.length > 0) yield await entriesOf(some);
    },
    async find(folder, name) {
      need(folder, 'folder');
      if (isEmptyFolder(folder)) return null;
      const place = await placeOf(volume, folder.id);
      // what looks like a byte in a name is one, or the backslash in front of it is told: see names.ts
      if (!name.includes('\\x')) {
        const direct = await findInFolder(volume, place, Buffer.from(name));
        return direct && nodeOf(volume, place, folder, direct);
      }
      for await (const entry of readFolder(volume, place)) {
        if (decodeName(entry.name) === name) return nodeOf(volume, place, folder, entry);
      }
      return null;
    },
    async readLink(link) {
      const { place, node } = await opened(link, 'link');
      const bytes = Buffer.alloc(checkRange('link', node.lengthBytes, 0, MAX_LINK_BYTES));
      await contentOf(volume, place, bytes.length).readInto(0, bytes);
      return decodePath(bytes);
    },
    async open(file) {
      const { place, node } = await opened(file, 'file');
      return contentOf(volume, place, node.lengthBytes);
    },
    subvolumes: (signal) => readSubvolumes(volume, signal),
    async *extents(node, signal) {
      if (!isEmptyFolder(node)) yield* placesInVolume(volume, await placeOf(volume, node.id), signal);
    },
  };
}

const isDots = (name: Buffer) => name.equals(Buffer.from('.')) || name.equals(Buffer.from('..'));

function need(node: FileNode, kind: FileNode['kind']): void {
  if (node.kind !== kind) throw new EngineError('FORMAT_INVALID', { field: 'kind', value: node.kind });
}
