/** Carries out steps in file systems that only the kernel writes: mounted for us alone, by descriptors, following no link. */
import { constants } from 'node:fs';
import { mkdir, open, rename, rmdir, symlink, unlink, type FileHandle } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { withLoopDevice } from '../tools/loop-device.ts';
import { withMountedDevice, type MountedKind } from '../tools/mounted-device.ts';
import { bytesOfName } from '../filesystems/names.ts';
import { folderContents } from './folder-contents.ts';
import { piecesOf } from '../core/random-bytes.ts';
import { impossible, unsafe } from './refusals.ts';
import type { MakeFolder, Names, PutFile, VolumeChanges, VolumeStep } from './steps.port.ts';
import type { VolumePlace } from './volume-place.ts';

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_TRUNC, O_NOFOLLOW, O_NONBLOCK, O_DIRECTORY } = constants;

/**
 * A file that has one name only is written in its place and keeps what it has of attributes.
 * @throws EngineError `GUEST_CHANGE_IMPOSSIBLE` where the volume is full or refuses, `GUEST_UNSAFE`, `TOOL_FAILED` and its like
 */
export async function writeMounted(
  kind: MountedKind,
  changes: VolumeChanges,
  place: VolumePlace,
  signal: AbortSignal,
): Promise<void> {
  await withMounted(kind, place, signal, async (root) => {
    for (const step of changes.steps) {
      signal.throwIfAborted();
      const folders = new Folders(root);
      await carryOut(changes, step, folders, signal)
        .catch((error: NodeJS.ErrnoException) => {
          if (error.code === 'ENOSPC' || error.code === 'EDQUOT') throw impossible(step.change.path, 'volume-full');
          if (error.code === 'ELOOP') throw unsafe(step.change.path, 'link');
          if (error.syscall) throw impossible(step.change.path, error.code ?? 'refused');
          throw error;
        })
        .finally(() => folders.close());
    }
  });
}

/** Lets `work` write below the topmost folder of a volume. */
function withMounted(
  kind: MountedKind,
  place: VolumePlace,
  signal: AbortSignal,
  work: (root: FileHandle) => Promise<void>,
): Promise<void> {
  return withLoopDevice(place, signal, (device) =>
    withMountedDevice(kind, device, signal, async ({ folderFromOutside }) => {
      const root = await open(folderFromOutside, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      await work(root).finally(() => root.close());
    }),
  );
}

async function carryOut(
  changes: VolumeChanges,
  step: VolumeStep,
  folders: Folders,
  signal: AbortSignal,
): Promise<void> {
  if (step.do === 'clear-folder') {
    for (const { names, kind } of await folderContents(changes, step, signal)) {
      const path = await folders.at(names);
      await (kind === 'folder' ? rmdir(path) : unlink(path));
    }
    if (!step.keepsItself) await rmdir(await folders.at(step.names));
    return;
  }
  const path = await folders.at(step.names);
  switch (step.do) {
    case 'make-folder':
      return makeFolder(step, path);
    case 'remove-file':
      return unlink(path);
    case 'put-link': {
      const temporary = await folders.at([...step.names.slice(0, -1), temporaryName()]);
      await symlink(step.change.target, temporary);
      return rename(temporary, path);
    }
    case 'put-file':
      return putFile(step, path, folders);
  }
}

async function makeFolder({ isThere, mode, userId, groupId }: MakeFolder, path: Buffer): Promise<void> {
  if (!isThere) await mkdir(path);
  const folder = await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    await folder.chown(userId, groupId);
    await folder.chmod(mode);
  } finally {
    await folder.close();
  }
}

async function putFile(step: PutFile, path: Buffer, folders: Folders): Promise<void> {
  const { names, bytes, kept, was } = step;
  const isInPlace = was?.kind === 'file' && (was.node?.linkCount ?? 1) === 1;
  const temporary = isInPlace ? null : await folders.at([...names.slice(0, -1), temporaryName()]);
  // what is added to in its place is not touched before its end
  const flags = temporary ? O_CREAT | O_EXCL : (kept ? 0 : O_TRUNC) | O_NONBLOCK;
  const file = await open(temporary ?? path, O_WRONLY | O_NOFOLLOW | flags, 0o600);
  try {
    if (!(await file.stat()).isFile()) throw unsafe(step.change.path, 'not-a-file');
    if (kept && temporary) for await (const piece of piecesOf(kept, kept.lengthBytes)) await file.writeFile(piece);
    if (kept && !temporary) await writeAt(file, bytes, kept.lengthBytes);
    else await file.writeFile(bytes);
    await file.chown(step.userId, step.groupId);
    await file.chmod(step.mode);
    await file.sync();
  } finally {
    await file.close();
  }
  if (temporary) await rename(temporary, path);
}

/** All that a file has from there on. */
async function writeAt(file: FileHandle, bytes: Uint8Array, offsetBytes: number): Promise<void> {
  await file.truncate(offsetBytes);
  for (let done = 0; done < bytes.length;) {
    done += (await file.write(bytes, done, bytes.length - done, offsetBytes + done)).bytesWritten;
  }
}

const temporaryName = () => `.diskpress-${randomUUID()}`;

/** Folders of the volume, held open one at a time: many entries of one are removed in a row. */
class Folders {
  readonly #root: FileHandle;
  #held: { key: string; handle: FileHandle } | null = null;

  constructor(root: FileHandle) {
    this.#root = root;
  }

  /** @returns what names the last of `names` in the very folder that the others lead to (proc(5)) */
  async at(names: Names): Promise<Buffer> {
    const parents = names.slice(0, -1);
    const key = parents.join('/');
    if (this.#held?.key !== key) {
      await this.close();
      this.#held = { key, handle: await this.#hold(parents) };
    }
    return below(this.#held.handle, names.at(-1)!);
  }

  async close(): Promise<void> {
    if (this.#held?.handle !== this.#root) await this.#held?.handle.close();
    this.#held = null;
  }

  async #hold(names: Names): Promise<FileHandle> {
    let folder = this.#root;
    try {
      for (const name of names) {
        const next = await open(below(folder, name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
        if (folder !== this.#root) await folder.close();
        folder = next;
      }
      return folder;
    } catch (error) {
      if (folder !== this.#root) await folder.close();
      throw error;
    }
  }
}

const below = ({ fd }: FileHandle, name: string) =>
  Buffer.concat([Buffer.from(`/proc/self/fd/${fd}/`), bytesOfName(name)]);
