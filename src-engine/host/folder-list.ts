/** Lists folders of this machine, so that a page can offer image files to choose from. */
import { readFileSync, statSync } from 'node:fs';
import { mkdir, readdir, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { CommandResult } from '../contract/commands.ts';
import { EngineError, toEngineError } from '../core/engine-error.ts';

/** A folder with more is cut off here: nobody scrolls through it, and each entry costs a look at the disk. */
const MAX_ENTRIES = 5000;
const MAX_SETTINGS = 64 * 1024;

/**
 * The folder of downloads, which each language calls otherwise: xdg-user-dirs(1), user-dirs.dirs(5).
 * @param home of the person @returns null where there is none
 */
export function downloadsIn(home: string): string | null {
  const isFolder = (path: string) => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  try {
    const settings = readFileSync(join(home, '.config', 'user-dirs.dirs'), { encoding: 'utf8' }).slice(0, MAX_SETTINGS);
    const [, said] = /^XDG_DOWNLOAD_DIR="(.*)"$/m.exec(settings) ?? [];
    const path = said?.replace(/^\$HOME(?=\/|$)/, home);
    // its own home stands for a folder that is not wanted
    if (path?.startsWith('/') && resolve(path) !== resolve(home) && isFolder(path)) return resolve(path);
  } catch {
    // most have none
  }
  try {
    const usual = join(home, 'Downloads');
    return isFolder(usual) ? usual : null;
  } catch {
    return null;
  }
}

/** @param folder absolute; null for the user's own @throws EngineError `NOT_FOUND`, `PERMISSION_DENIED` */
export async function listFolder(folder: string | null): Promise<CommandResult<'folder.list'>> {
  const path = resolve(folder ?? homedir());
  try {
    const names = (await readdir(path)).filter((name) => !name.startsWith('.')).slice(0, MAX_ENTRIES);
    const entries = await Promise.all(
      names.map(async (name) => {
        const stats = await stat(join(path, name)).catch(() => null);
        if (!stats || !(stats.isDirectory() || stats.isFile())) return null;
        const kind = stats.isDirectory() ? ('folder' as const) : ('file' as const);
        return { name, kind, lengthBytes: stats.isFile() ? stats.size : 0, modifiedAt: stats.mtime.toISOString() };
      }),
    );
    return {
      folder: path,
      parent: dirname(path) === path ? null : dirname(path),
      entries: entries
        .filter((entry) => entry !== null)
        .sort((a, b) => (a.kind === b.kind ? a.name.localeCompare(b.name) : a.kind === 'folder' ? -1 : 1)),
    };
  } catch (error) {
    throw toEngineError(error);
  }
}

/**
 * @param folder absolute, and there
 * @param name of the new one in it
 * @throws EngineError `DESTINATION_EXISTS` where something has that name; `NOT_FOUND`, `PERMISSION_DENIED`, `DISK_FULL`
 */
export async function makeFolder(folder: string, name: string): Promise<CommandResult<'folder.make'>> {
  const path = join(resolve(folder), name);
  try {
    await mkdir(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw new EngineError('DESTINATION_EXISTS', { path });
    throw toEngineError(error, path);
  }
  return { folder: path };
}
