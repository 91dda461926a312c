/** The walk through hostile files notices what it is there for: each rule is broken once. */
import { describe, expect, test } from 'vitest';
import { EngineError } from '../../../src-engine/core/engine-error.ts';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import type { FileSystem } from '../../../src-engine/filesystems/file-system.port.ts';
import type { FileNode, FileTree } from '../../../src-engine/filesystems/file-tree.port.ts';
import { walkHostile } from './harmless-tree.ts';

const volume = memorySource(Buffer.alloc(4096));
const folder: FileNode = {
  id: '1',
  kind: 'folder',
  lengthBytes: 0,
  modifiedMs: null,
  mode: null,
  ownerId: null,
  groupId: null,
  linkCount: 1,
};
const file: FileNode = { ...folder, id: '2', kind: 'file', lengthBytes: 100 };

/** A tree of one file that does nothing wrong. */
const sound: FileTree = {
  root: folder,
  async *list() {
    yield [{ name: 'file', node: file }];
  },
  find: async () => file,
  readLink: async () => '',
  open: async () => ({
    lengthBytes: 100,
    async readInto() {},
    async *dataRuns() {
      yield [{ startBytes: 0, lengthBytes: 100 }];
    },
  }),
  async *extents() {
    yield [{ startBytes: 0, lengthBytes: 4096 }];
  },
};

function walk(change: Partial<FileTree>) {
  const tree = { ...sound, ...change };
  const fileSystem: Pick<FileSystem, 'browse'> = { browse: async () => tree };
  return walkHostile(fileSystem as FileSystem, volume, new AbortController().signal);
}

const content = (change: object) => ({ open: async () => ({ ...(await sound.open(file)), ...change }) });
const entries = (batch: { name: string; node: FileNode }[], forever = false) => ({
  async *list() {
    do yield batch;
    while (forever);
  },
});
const runs = (startBytes: number, lengthBytes: number) =>
  async function* () {
    yield [{ startBytes, lengthBytes }];
  };

describe('the walk', () => {
  test('finds nothing wrong with what is sound, and notes what is refused', async () => {
    expect(await walk({})).toEqual({ names: 1, filesRead: 1, refusals: new Set() });
    const refused = await walk({ open: async () => Promise.reject(new EngineError('FORMAT_INVALID')) });
    expect(refused).toEqual({ names: 1, filesRead: 0, refusals: new Set(['FORMAT_INVALID']) });
  });

  test.each<[string, Partial<FileTree>]>([
    [
      'a folder without end',
      entries(
        Array.from({ length: 5000 }, () => ({ name: 'x', node: file })),
        true,
      ),
    ],
    ['a batch without bounds', entries(Array.from({ length: 100_000 }, () => ({ name: 'x', node: file })))],
    ['a way up', entries([{ name: '..', node: folder }])],
    ['no name', entries([{ name: '', node: file }])],
    ['a length that is no number', entries([{ name: 'x', node: { ...file, lengthBytes: 2 ** 63 } }])],
    ['a time that is no date', entries([{ name: 'x', node: { ...file, modifiedMs: 9e15 } }])],
    ['a mode of more than twelve bits', entries([{ name: 'x', node: { ...file, mode: 0o10000 } }])],
    ['extents past the end', { extents: runs(4096, 1) }],
    ['extents of nothing', { extents: runs(0, 0) }],
    ['runs past the end of the file', content({ dataRuns: runs(50, 51) })],
    ['content of less than nothing', content({ lengthBytes: -1 })],
    ['an error of another kind', { find: async () => Promise.reject(new TypeError('undefined')) }],
    ['a code of another kind', { find: async () => Promise.reject(new EngineError('INTERNAL')) }],
  ])('notices %s', async (_, change) => {
    await expect(walk(change)).rejects.toThrow();
  });
});
