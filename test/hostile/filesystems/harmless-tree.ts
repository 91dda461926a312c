/** A walk through the files of a hostile file system: everything it says is asked for, within bounds, and none of it is believed. */
import { expect } from 'vitest';
import { EngineError } from '../../../src-engine/core/engine-error.ts';
import type { BlockSource, Extent } from '../../../src-engine/disk/block-source.port.ts';
import type { FileSystem } from '../../../src-engine/filesystems/file-system.port.ts';
import type { FileNode, FileTree, FolderEntry } from '../../../src-engine/filesystems/file-tree.port.ts';

const KIB = 1024;

/** How far the walk itself goes. */
const NODES = 300;
const DEPTH = 12;
const OPENED_FILES = 40;
const BATCHES = 3;
/** Names of a folder that are looked for again. */
const FOUND_NAMES = 6;
/** Folders whose listing is read to its end: it must end by the tree's own limits. */
const DRAINED_FOLDERS = 6;

/** More than a file system of these sizes can hold, or should hand out at once: whoever yields more has run away. */
const FOLDER_ENTRIES_MAX = 1_000_000;
const BATCH_ENTRIES_MAX = 65_536;

export interface Walk {
  /** names that were seen */
  names: number;
  /** files whose content was read without an error */
  filesRead: number;
  /** codes of the errors that were met, each once */
  readonly refusals: Set<string>;
}

/**
 * Opens the files of `fileSystem`, if it has any, and walks through them: lists, finds, reads links, the beginnings and ends of
 * files, their runs and extents. Allowed are values in bounds and errors that say that the format is invalid or unsupported.
 * @returns what was met; throws where something else came of it
 */
export async function walkHostile(fileSystem: FileSystem, volume: BlockSource, signal: AbortSignal): Promise<Walk> {
  const walk: Walk = { names: 0, filesRead: 0, refusals: new Set() };
  if (!fileSystem.browse) return walk;
  const tree = await attempt(walk, fileSystem.browse);
  if (tree) await visit({ walk, tree, volume, signal });
  return walk;
}

interface Visit {
  readonly walk: Walk;
  readonly tree: FileTree;
  readonly volume: BlockSource;
  readonly signal: AbortSignal;
}

/** @returns null where the file system refused */
async function attempt<T>(walk: Walk, work: () => Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    expect(['FORMAT_INVALID', 'FORMAT_UNSUPPORTED']).toContain(error.code);
    walk.refusals.add(error.code);
    return null;
  }
}

async function visit(visit: Visit): Promise<void> {
  const { walk, tree } = visit;
  const queue = [{ node: tree.root, depth: 0 }];
  let folders = 0;
  let opened = 0;
  for (let next = queue.shift(); next; next = queue.shift()) {
    const { node, depth } = next;
    checkNode(node);
    await attempt(walk, () => checkExtents(visit, node));
    if (node.kind === 'folder' && depth < DEPTH) {
      const isDrained = folders++ < DRAINED_FOLDERS;
      const entries: FolderEntry[] = [];
      await attempt(walk, () => list(visit, node, isDrained, entries));
      for (const [i, { name, node: child }] of entries.entries()) {
        if (++walk.names > NODES) break;
        if (i < FOUND_NAMES) await attempt(walk, () => tree.find(node, name));
        queue.push({ node: child, depth: depth + 1 });
      }
      await attempt(walk, () => tree.find(node, 'a name that nobody has'));
    } else if (node.kind === 'link') {
      await attempt(walk, () => tree.readLink(node));
    } else if (node.kind === 'file' && opened < OPENED_FILES) {
      opened += Number(node.lengthBytes > 0);
      if (await attempt(walk, () => read(visit, node))) walk.filesRead++;
    }
  }
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function checkNode(node: FileNode): void {
  const { lengthBytes, linkCount, mode, ownerId, groupId, modifiedMs } = node;
  const isSound =
    isCount(lengthBytes) &&
    isCount(linkCount) &&
    (mode === null || (isCount(mode) && mode <= 0o7777)) &&
    (ownerId === null || isCount(ownerId)) &&
    (groupId === null || isCount(groupId)) &&
    (modifiedMs === null || !Number.isNaN(new Date(modifiedMs).getTime()));
  if (!isSound) throw new Error(`a node that cannot be: ${JSON.stringify(node)}`);
}

/** @param into the first entries, as far as the walk goes */
async function list(visit: Visit, folder: FileNode, isDrained: boolean, into: FolderEntry[]): Promise<void> {
  let entries = 0;
  let batches = 0;
  for await (const batch of visit.tree.list(folder, visit.signal)) {
    entries += batch.length;
    if (batch.length > BATCH_ENTRIES_MAX || entries > FOLDER_ENTRIES_MAX) {
      throw new Error(`a folder ran away: ${entries} entries, ${batch.length} at once`);
    }
    for (const { name } of batch) {
      if (name === '' || name === '.' || name === '..') throw new Error(`a file with the name '${name}'`);
    }
    if (into.length < NODES) into.push(...batch.slice(0, NODES));
    if (++batches === BATCHES && !isDrained) break;
  }
}

async function read(visit: Visit, file: FileNode): Promise<true> {
  const content = await visit.tree.open(file);
  const { lengthBytes } = content;
  if (!isCount(lengthBytes)) throw new Error(`content of ${lengthBytes} bytes`);
  await attempt(visit.walk, () => checkRuns(content.dataRuns(visit.signal), lengthBytes));
  await attempt(visit.walk, () => content.readInto(0, Buffer.alloc(Math.min(64 * KIB, lengthBytes))));
  const tail = Math.min(4 * KIB, lengthBytes);
  await content.readInto(lengthBytes - tail, Buffer.alloc(tail));
  return true;
}

async function checkRuns(runs: AsyncIterable<Extent[]>, limitBytes: number): Promise<void> {
  let endBytes = 0;
  let batches = 0;
  for await (const batch of runs) {
    for (const { startBytes, lengthBytes } of batch) {
      if (startBytes < endBytes || !(lengthBytes > 0) || startBytes + lengthBytes > limitBytes) {
        throw new Error(`run ${startBytes}+${lengthBytes} after ${endBytes} of ${limitBytes}`);
      }
      endBytes = startBytes + lengthBytes;
    }
    if (++batches === 100) break;
  }
}

async function checkExtents({ tree, volume, signal }: Visit, node: FileNode): Promise<void> {
  let batches = 0;
  for await (const batch of tree.extents(node, signal)) {
    for (const { startBytes, lengthBytes } of batch) {
      if (!isCount(startBytes) || !(lengthBytes > 0) || startBytes + lengthBytes > volume.lengthBytes) {
        throw new Error(`extent ${startBytes}+${lengthBytes} of ${volume.lengthBytes}`);
      }
    }
    if (++batches === 100) break;
  }
}
