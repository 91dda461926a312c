/** The files of FAT12, FAT16 and FAT32. */
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { BlockSource, Extent } from '../../disk/block-source.port.ts';
import { readCache } from '../../disk/read-cache.ts';
import { readBytes } from '../../disk/read.ts';
import { clusterChain, type AllocationTable, type ClusterRun } from '../cluster-chain.ts';
import type { FileContent, FileNode, FileTree } from '../file-tree.port.ts';
import { mappedContent, memoryContent, type FileRun } from '../mapped-content.ts';
import type { FatGeometry } from './boot-sector.ts';
import { clusterPlace, fatTable } from './chains.ts';
import { ENTRY_BYTES, entryParser, parseEntry, type FatEntry } from './entries.ts';

/** 65,536 entries, as the specification limits folders. */
const FOLDER_BYTES_MAX = 2 * 1024 * 1024;
const PIECE_BYTES = 64 * 1024;

interface FatVolume {
  readonly view: BlockSource;
  readonly geometry: FatGeometry;
  readonly table: AllocationTable;
}

/** Stands for the root, which has no entry; every other node is named by the place of its entry. */
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

/** Times are local times of whoever wrote them, taken for UTC. */
export async function openFat(volume: BlockSource, geometry: FatGeometry): Promise<FileTree> {
  const view = readCache(volume);
  const fat = { view, geometry, table: fatTable(view, geometry) };
  return {
    root: ROOT,
    async *list(folder, signal) {
      for await (const { entries, startBytes } of entriesOf(fat, folder)) {
        signal.throwIfAborted();
        yield entries.map((entry) => ({ name: entry.name, node: nodeOf(entry, startBytes) }));
      }
    },
    async find(folder, name) {
      const wanted = upperCase(name);
      for await (const { entries, startBytes } of entriesOf(fat, folder)) {
        const found = entries.find(
          (entry) => upperCase(entry.name) === wanted || upperCase(entry.shortName) === wanted,
        );
        if (found) return nodeOf(found, startBytes);
      }
      return null;
    },
    async readLink() {
      throw new EngineError('FORMAT_UNSUPPORTED', { feature: 'links in FAT' });
    },
    open: async (file) => contentOf(fat, await entryOf(fat, file)),
    extents: (node, signal) => extentsOf(fat, node, signal),
  };
}

/** Folders that are looked into for {@link firstClusters}: enough for what FAT is used for, and seconds on the slowest disk. */
const FOLDERS_MAX = 4096;

/**
 * The first clusters of files and folders, folder by folder, as far as a bounded look reaches.
 * @throws EngineError `FORMAT_INVALID` where a folder cannot be read; `READ_FAILED`
 */
export async function* firstClusters(
  volume: BlockSource,
  geometry: FatGeometry,
  signal: AbortSignal,
): AsyncGenerator<number> {
  const view = readCache(volume);
  const fat = { view, geometry, table: fatTable(view, geometry) };
  const folders: FileNode[] = [ROOT];
  const seen = new Set<number>();
  for (let folder = folders.shift(); folder; folder = folders.shift()) {
    for await (const { entries, startBytes } of entriesOf(fat, folder)) {
      signal.throwIfAborted();
      for (const entry of entries) {
        if (!entry.isFolder && entry.lengthBytes === 0) continue;
        yield entry.firstCluster;
        if (!entry.isFolder || seen.has(entry.firstCluster) || seen.size >= FOLDERS_MAX) continue;
        seen.add(entry.firstCluster);
        folders.push(nodeOf(entry, startBytes));
      }
    }
  }
}

/** As drivers compare names: letter by letter. One that becomes two in upper case stays as it is. */
function upperCase(name: string): string {
  return Array.from(name, (letter) => {
    const upper = letter.toUpperCase();
    return upper.length === letter.length ? upper : letter;
  }).join('');
}

function nodeOf(entry: FatEntry, startBytes: number): FileNode {
  return {
    ...ROOT,
    id: String(startBytes + entry.at),
    kind: entry.isFolder ? 'folder' : 'file',
    lengthBytes: entry.isFolder ? 0 : entry.lengthBytes,
    modifiedMs: entry.modifiedMs,
  };
}

async function entryOf({ view, geometry }: FatVolume, node: FileNode): Promise<FatEntry> {
  const bytes = await readBytes(view, Number(node.id), ENTRY_BYTES);
  return parseEntry(bytes, 0, geometry.entryBits === 32);
}

async function* entriesOf(fat: FatVolume, folder: FileNode) {
  const parse = entryParser(fat.geometry.entryBits === 32);
  let left = FOLDER_BYTES_MAX;
  for await (const places of folderPlaces(fat, folder)) {
    for (const place of places) {
      const end = place.startBytes + place.lengthBytes;
      for (let startBytes = place.startBytes; startBytes < end; startBytes += PIECE_BYTES) {
        const piece = await readBytes(fat.view, startBytes, Math.min(PIECE_BYTES, end - startBytes));
        left = checkRange('length of a folder', left - piece.length, 0, left);
        const { entries, isLast } = parse(piece);
        if (entries.length > 0) yield { entries, startBytes };
        if (isLast) return;
      }
    }
  }
}

/** The root of FAT12 and FAT16 is an area of its own. */
async function* folderPlaces(fat: FatVolume, folder: FileNode): AsyncGenerator<Extent[]> {
  const { geometry, view } = fat;
  if (folder.id === ROOT.id && geometry.rootCluster === 0) {
    checkRange('root directory', geometry.rootStartBytes + geometry.rootBytes, 0, view.lengthBytes);
    const { rootStartBytes: startBytes, rootBytes: lengthBytes } = geometry;
    if (lengthBytes > 0) yield [{ startBytes, lengthBytes }];
    return;
  }
  const first = folder.id === ROOT.id ? geometry.rootCluster : (await entryOf(fat, folder)).firstCluster;
  yield* placesOf(fat, first);
}

async function* placesOf({ view, geometry, table }: FatVolume, firstCluster: number): AsyncGenerator<Extent[]> {
  for await (const runs of clusterChain(table, firstCluster).runsFrom(0)) {
    yield runs.map(({ first, count }) => clusterPlace(view, geometry, first, count));
  }
}

async function* extentsOf(fat: FatVolume, node: FileNode, signal: AbortSignal): AsyncGenerator<Extent[]> {
  if (node.kind === 'file' && (await entryOf(fat, node)).firstCluster === 0) return;
  for await (const places of node.kind === 'folder'
    ? folderPlaces(fat, node)
    : placesOf(fat, (await entryOf(fat, node)).firstCluster)) {
    signal.throwIfAborted();
    yield places;
  }
}

function contentOf({ view, geometry, table }: FatVolume, entry: FatEntry): FileContent {
  const { clusterBytes } = geometry;
  const { lengthBytes } = entry;
  if (lengthBytes === 0) return memoryContent(new Uint8Array());
  const clusters = Math.ceil(lengthBytes / clusterBytes);
  checkRange('DIR_FileSize', clusters, 0, geometry.clusterCount);
  const chain = clusterChain(table, entry.firstCluster, clusters);
  const fileRun = ({ index, first, count }: ClusterRun): FileRun => ({
    fileBytes: index * clusterBytes,
    volumeBytes: clusterPlace(view, geometry, first, count).startBytes,
    lengthBytes: count * clusterBytes,
  });
  return mappedContent(view, lengthBytes, async function* (offsetBytes) {
    for await (const runs of chain.runsFrom(Math.floor(offsetBytes / clusterBytes))) yield runs.map(fileRun);
  });
}
