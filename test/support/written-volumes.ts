/** A file system in an image, changed as a deploy changes it: resolved, written, read back. */
import { closeSync, constants, openSync } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';
import type { BlockSource } from '../../src-engine/disk/block-source.port.ts';
import { slice } from '../../src-engine/disk/slice.ts';
import type { FileSystem } from '../../src-engine/filesystems/file-system.port.ts';
import type { FileTree } from '../../src-engine/filesystems/file-tree.port.ts';
import { recogniseFileSystem } from '../../src-engine/filesystems/recognise.ts';
import type { GuestChange, WriteChange } from '../../src-engine/guest/changes.port.ts';
import { GuestFiles } from '../../src-engine/guest/guest-files.ts';
import type { VolumeChanges } from '../../src-engine/writers/steps.port.ts';
import { resolveChanges } from '../../src-engine/writers/resolve.ts';
import { changeVolume } from '../../src-engine/writers/write-volume.ts';
import { MIB } from './workbench.ts';

const { O_RDWR, O_EXCL } = constants;

/** Where the volume begins: programs have to find it there. */
export const AT_BYTES = MIB;

/** A change of a file, with what most of them have. */
export const write = (path: string, content: string | Buffer, more: Partial<WriteChange> = {}): WriteChange => ({
  kind: 'write',
  reason: 'files',
  path,
  bytes: Buffer.from(content),
  mode: null,
  owner: null,
  isSecret: false,
  ...more,
});
export const remove = (path: string): GuestChange => ({ kind: 'remove', reason: 'files', path });
export const empty = (path: string): GuestChange => ({ kind: 'empty', reason: 'files', path });
export const folder = (path: string, mode: number, userId = 0, groupId = 0): GuestChange => ({
  kind: 'folder',
  reason: 'users',
  path,
  mode,
  owner: { userId, groupId },
});
export const link = (path: string, target: string): GuestChange => ({ kind: 'link', reason: 'files', path, target });

const { signal: never } = new AbortController();

async function fileSystemIn(handle: FileHandle, atBytes: number): Promise<FileSystem> {
  const { size } = await handle.stat();
  const disk: BlockSource = {
    lengthBytes: size,
    sectorBytes: 512,
    physicalSectorBytes: 512,
    readInto: async (offsetBytes, into) => void (await handle.read(into, 0, into.length, offsetBytes)),
    close: async () => {},
  };
  return (await recogniseFileSystem(slice(disk, atBytes, size - atBytes)))!;
}

/** @param work while the image is open */
export async function opened<T>(
  image: string,
  work: (tree: FileTree, kind: string) => Promise<T>,
  atBytes = AT_BYTES,
): Promise<T> {
  const handle = await open(image);
  try {
    const fileSystem = await fileSystemIn(handle, atBytes);
    return await work(await fileSystem.browse!(), fileSystem.kind);
  } finally {
    await handle.close();
  }
}

export interface Changing {
  /** the folder of the file system that is the guest's root: a subvolume */
  readonly names?: readonly string[];
  readonly signal?: AbortSignal;
  /** where the volume begins */
  readonly atBytes?: number;
  /** the device to write to, where that is not the image */
  readonly device?: string;
}

/** @param image with one file system from {@link AT_BYTES} to its end */
export async function change(image: string, changes: readonly GuestChange[], changing: Changing = {}): Promise<void> {
  const { names = [], signal = never } = changing;
  await carryOut(
    image,
    async (tree, kind) => {
      let node = tree.root;
      for (const name of names) node = (await tree.find(node, name))!;
      const files = new GuestFiles({ tree, node, names }, signal);
      return resolveChanges(changes, files, [{ ref: '1', label: '', uuid: '', kind, tree, recognised: null }], signal);
    },
    changing,
  );
}

/** As {@link change}, of what has been resolved already. */
export async function carryOut(
  image: string,
  resolve: (tree: FileTree, kind: string) => Promise<readonly VolumeChanges[]>,
  { signal = never, atBytes = AT_BYTES, device }: Changing = {},
): Promise<void> {
  const { size } = await stat(image);
  const again = await open(image);
  await opened(
    image,
    async (tree, kind) => {
      const resolved = await resolve(tree, kind);
      const descriptor = openSync(device ?? image, device ? O_RDWR | O_EXCL : O_RDWR);
      try {
        const place = { descriptor, offsetBytes: atBytes, lengthBytes: size - atBytes, isDevice: device !== undefined };
        const reopen = async () => (await fileSystemIn(again, atBytes)).browse!();
        for (const volume of resolved) await changeVolume(volume, place, reopen, signal);
      } finally {
        closeSync(descriptor);
      }
    },
    atBytes,
  ).finally(() => again.close());
}
