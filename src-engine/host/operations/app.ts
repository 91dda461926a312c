/** About the program, what is set for its pages, folders of this machine to choose from, passwords made ready to be planned with. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { sha512Crypt } from '../../core/sha512-crypt.ts';
import { freeBytes } from '../../machines/free-bytes.ts';
import { canShowFolders, showFolder } from '../../machines/show-folder.ts';
import { canTakeOut } from '../../machines/take-out.ts';
import { downloadsIn, listFolder, makeFolder } from '../folder-list.ts';
import { personalHome } from '../person.ts';
import type { Host, Operations } from './operations.ts';

export const appOperations = (
  host: Host,
): Operations<
  | 'app.info'
  | 'preferences.show'
  | 'preferences.change'
  | 'folder.list'
  | 'folder.show'
  | 'folder.make'
  | 'password.hash'
> => ({
  'app.info': async () => {
    const homePath = personalHome();
    return {
      version: host.version,
      catalogPath: host.catalogPath,
      catalogFreeBytes: await freeBytes(host.catalogPath),
      storeBytes: host.catalog.listed.index.storedBytes(),
      commandAsRoot: host.commandAsRoot,
      platform: process.platform,
      samplePath: samplePath(host),
      homePath,
      downloadsPath: downloadsIn(homePath),
      canTakeOut: canTakeOut(),
      canShowFolders: canShowFolders(),
    };
  },
  'preferences.show': () => host.preferences.show(),
  'preferences.change': async (changes) => {
    const now = await host.preferences.change(changes);
    host.preferencesChanged(now);
    return now;
  },
  'folder.list': ({ folder }) => listFolder(folder),
  'folder.show': async ({ path }, signal) => {
    await showFolder(path, signal);
    return {};
  },
  'folder.make': ({ folder, name }) => makeFolder(folder, name),
  'password.hash': ({ password }) => ({ hash: sha512Crypt(password) }),
});

function samplePath({ resourcesPath }: Host): string | null {
  const path = join(resourcesPath, 'sample-disk.img');
  return existsSync(path) ? path : null;
}
