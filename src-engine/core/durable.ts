/** Files that are either whole or not there: written under a temporary name, synced, renamed, their folder synced. */
import { randomUUID } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ioError } from './engine-error.ts';

/** Makes renames and removals in a folder durable. Windows cannot open folders and needs no such sync. */
export async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** As {@link syncFolder}, for who may not wait; a folder that is not there needs none. */
export function syncFolderNow(path: string): void {
  if (process.platform === 'win32' || !existsSync(path)) return;
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * Replaces `path` with `bytes`, or leaves it as it was.
 * @param scratch a folder on the same file system
 * @param how `mark`: what is in the temporary name, beside the own one and one that no other has; `mode`: who may read it
 * @throws EngineError `WRITE_FAILED`, `DISK_FULL`, `PERMISSION_DENIED`
 */
export async function writeDurably(
  scratch: string,
  path: string,
  bytes: Uint8Array | string,
  { mark, mode = 0o666 }: { mark?: string | undefined; mode?: number } = {},
): Promise<void> {
  const temporary = join(scratch, [basename(path), ...(mark === undefined ? [] : [mark]), randomUUID()].join('.'));
  try {
    const handle = await open(temporary, 'wx', mode);
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true });
    throw ioError(error, 'WRITE_FAILED', { path });
  }
}
