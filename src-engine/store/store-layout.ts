/** Where things lie in a catalog's folder. */
import { join } from 'node:path';

export interface StoreLayout {
  readonly root: string;
  readonly database: string;
  readonly packs: string;
  readonly manifests: string;
  /** unfinished files: nothing in here is referred to, and a writer empties it when it starts */
  readonly scratch: string;
  readonly writerLock: string;
  readonly readersLock: string;
}

export function storeLayout(root: string): StoreLayout {
  return {
    root,
    database: join(root, 'catalog.db'),
    packs: join(root, 'packs'),
    manifests: join(root, 'manifests'),
    scratch: join(root, 'scratch'),
    writerLock: join(root, 'writer.lock'),
    readersLock: join(root, 'readers.lock'),
  };
}
