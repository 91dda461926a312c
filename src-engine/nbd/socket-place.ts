/** Where a Unix socket may lie so that nobody but its owner can connect: in a folder that only they can enter, or under a name that it gets once only they may use it. */
import { randomUUID } from 'node:crypto';
import { chmod, lstat, mkdtemp, rm, rmdir, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EngineError, toEngineError } from '../core/engine-error.ts';
import { resolveOwnLinks } from '../core/held-folder.ts';
import { PartialOutput } from '../core/partial-output.ts';

export interface SocketPlace {
  /** what to listen on */
  readonly listenPath: string;
  /** what clients connect to, once it is {@link open} */
  readonly path: string;
  /** To be called when it is listened on. @throws EngineError `DESTINATION_EXISTS` where the name is taken */
  open(): Promise<void>;
  /** Removes what is left of it. Never fails. */
  remove(): Promise<void>;
}

/** In a new folder of its own. @throws EngineError `PERMISSION_DENIED`, `DISK_FULL` */
export async function ownSocketPlace(parent = process.env.XDG_RUNTIME_DIR ?? tmpdir()): Promise<SocketPlace> {
  const folder = await mkdtemp(join(parent, 'diskpress-')).catch((error) => {
    throw toEngineError(error, parent);
  });
  const path = join(folder, 'disk.sock');
  return {
    listenPath: path,
    path,
    open: async () => {},
    async remove() {
      await rm(path, { force: true }).catch(() => {});
      await rmdir(folder).catch(() => {});
    },
  };
}

/**
 * Under a name that a person chose, whoever may enter that folder.
 * @throws EngineError `NOT_FOUND`, `PERMISSION_DENIED`, `LINK_NOT_FOLLOWED`, `DESTINATION_EXISTS`
 */
export async function namedSocketPlace(asked: string): Promise<SocketPlace> {
  const path = await resolveOwnLinks(asked);
  if (await lstat(path).catch(() => null)) throw new EngineError('DESTINATION_EXISTS', { path });
  const id = randomUUID();
  const output = await PartialOutput.begin(path, id);
  // whoever closes it removes the name that it was made with: no other folder has this one
  const listenPath = output.folder.at(id.slice(0, 8));
  let inode: bigint | null = null;
  return {
    listenPath,
    path,
    async open() {
      await chmod(listenPath, 0o600);
      inode = (await lstat(listenPath, { bigint: true })).ino;
      await output.publish(false, listenPath).catch((error) => {
        if (!(error instanceof EngineError) || error.code !== 'OVERWRITE_REQUIRED') throw error;
        throw new EngineError('DESTINATION_EXISTS', { path }, '', { cause: error });
      });
      await output.end();
    },
    async remove() {
      await output.end();
      const there = await lstat(path, { bigint: true }).catch(() => null);
      if (there && there.ino === inode) await unlink(path).catch(() => {});
    },
  };
}

/** @returns the address of a server on a Unix socket, as NBD's programs take it */
export const uriOfSocket = (path: string): string =>
  `nbd+unix:///?socket=${encodeURIComponent(path).replaceAll('%2F', '/')}`;
