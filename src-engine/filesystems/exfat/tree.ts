/** The files of exFAT. */
import { EngineError } from '../../core/engine-error.ts';
import { readBytes } from '../../disk/read.ts';
import type { FileNode, FileTree } from '../file-tree.port.ts';
import { contentOf, placesOf, type Allocation, type ExfatVolume } from './allocation.ts';
import { ENTRY, ENTRY_BYTES, entrySets, type EntrySet } from './entry-sets.ts';
import { damagedFile, parseFile, parseStream, type ExfatFile } from './file-set.ts';
import { readRootEntries, rootPlaces } from './root-entries.ts';
import { readUpCaseTable, type UpCaseTable } from './up-case.ts';

/** Stands for the root, which has no entry; every other node is named by the place of its stream extension. */
const ROOT: FileNode = {
  id: 'root',
  kind: 'folder',
  lengthBytes: 0,
  modifiedMs: null,
  mode: null,
  ownerId: null,
  groupId: null,
  linkCount: 1,
};

export async function openExfat(fs: ExfatVolume): Promise<FileTree> {
  let upCase: Promise<UpCaseTable> | null = null;
  // kept once it was read; find() alone needs it
  const upCaseTable = () => (upCase ??= readRootEntries(fs).then((root) => readUpCaseTable(fs, root.upCase)));
  return {
    root: ROOT,
    async *list(folder, signal) {
      for await (const files of filesOf(fs, folder)) {
        signal.throwIfAborted();
        yield files.map((file) => ({ name: file.name, node: nodeOf(file) }));
      }
    },
    async find(folder, name) {
      const table = await upCaseTable();
      const wanted = Uint16Array.from({ length: name.length }, (_, i) => table[name.charCodeAt(i)]);
      for await (const files of filesOf(fs, folder)) {
        const found = files.find((file) => file.name === name || isSameName(table, wanted, file.units));
        if (found) return nodeOf(found);
      }
      return null;
    },
    async readLink() {
      throw new EngineError('FORMAT_UNSUPPORTED', { feature: 'links in exFAT' });
    },
    open: async (file) => contentOf(fs, await allocationOf(fs, file)),
    async *extents(node, signal) {
      for await (const places of placesOfNode(fs, node)) {
        signal.throwIfAborted();
        yield places;
      }
    },
  };
}

function isSameName(table: UpCaseTable, wanted: Uint16Array, units: Uint16Array): boolean {
  return units.length === wanted.length && units.every((unit, i) => table[unit] === wanted[i]);
}

/** Begins the ids of files whose entries are damaged. */
const DAMAGED = 'damaged ';

function nodeOf({ isFolder, modifiedMs, allocation, streamAt, isDamaged }: ExfatFile): FileNode {
  return {
    ...ROOT,
    id: isDamaged ? `${DAMAGED}${streamAt}` : String(streamAt),
    kind: isFolder ? 'folder' : 'file',
    lengthBytes: isFolder ? 0 : allocation.lengthBytes,
    modifiedMs,
  };
}

async function allocationOf(fs: ExfatVolume, node: FileNode): Promise<Allocation> {
  if (node.id.startsWith(DAMAGED)) throw new EngineError('FORMAT_INVALID', { checksum: 'directory entries' });
  return parseStream(fs.geometry, await readBytes(fs.view, Number(node.id), ENTRY_BYTES));
}

async function* placesOfNode(fs: ExfatVolume, node: FileNode) {
  if (node.id === ROOT.id) yield* rootPlaces(fs);
  else yield* placesOf(fs, await allocationOf(fs, node));
}

async function* filesOf(fs: ExfatVolume, folder: FileNode): AsyncGenerator<ExfatFile[]> {
  for await (const sets of entrySets(fs, placesOfNode(fs, folder))) {
    yield sets.filter(({ type }) => type === ENTRY.FILE).map((set) => fileOf(fs, set));
  }
}

/** A file whose entries are damaged does not hide its folder: it has what is left of its name, and whoever opens it is told. */
function fileOf({ geometry }: ExfatVolume, set: EntrySet): ExfatFile {
  try {
    if (set.isSound) return parseFile(geometry, set);
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== 'FORMAT_INVALID') throw error;
  }
  return damagedFile(set);
}
