/** File systems opened as a person who looks inside a template opens them. */
import { expect } from 'vitest';
import type { Extent } from '../../../src-engine/disk/block-source.port.ts';
import type { FileContent, FileNode, FileTree, FolderEntry } from '../../../src-engine/filesystems/file-tree.port.ts';
import { recogniseFileSystem } from '../../../src-engine/filesystems/recognise.ts';
import { openFileSource } from '../../../src-engine/formats/raw/file-source.ts';

const { signal } = new AbortController();

/** Opens the files of `image` for as long as `use` takes. */
export async function browsing<T>(image: string, use: (tree: FileTree) => Promise<T>): Promise<T> {
  const source = await openFileSource(image);
  try {
    const fileSystem = await recogniseFileSystem(source);
    expect(fileSystem?.browse, `${image} can be browsed`).toBeTruthy();
    return await use(await fileSystem!.browse!());
  } finally {
    await source.close();
  }
}

export async function entriesOf(tree: FileTree, folder: FileNode): Promise<FolderEntry[]> {
  const entries: FolderEntry[] = [];
  for await (const batch of tree.list(folder, signal)) entries.push(...batch);
  return entries;
}

export async function nodeAt(tree: FileTree, path: string): Promise<FileNode> {
  let node: FileNode | null = tree.root;
  for (const name of path.split('/').filter(Boolean)) node = node && (await tree.find(node, name));
  if (!node) throw new Error(`${path}: not found`);
  return node;
}

export async function readAt(tree: FileTree, path: string, offsetBytes = 0, lengthBytes?: number): Promise<Buffer> {
  const content = await tree.open(await nodeAt(tree, path));
  const into = Buffer.alloc(lengthBytes ?? content.lengthBytes, 0xee);
  await content.readInto(offsetBytes, into);
  return into;
}

export const runsOf = (content: FileContent) => collect(content.dataRuns(signal));
export const extentsOf = (tree: FileTree, node: FileNode) => collect(tree.extents(node, signal));

async function collect(batches: AsyncIterable<Extent[]>): Promise<Extent[]> {
  const extents: Extent[] = [];
  for await (const batch of batches) extents.push(...batch);
  return extents;
}
