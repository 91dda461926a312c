/** A catalog opened without an engine, for tests that call what a job is made of. */
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { CatalogHandle } from '../../src-engine/host/catalog-handle.ts';

const built = process.env.DISKPRESS_WORKERS;

/** Entry of the press threads: as it is built, where it is. */
export const pressUrl = built
  ? pathToFileURL(join(built, 'press.js'))
  : new URL('../../src-engine/host/press-worker.ts', import.meta.url);

export const resourcesPath = fileURLToPath(new URL('../../resources', import.meta.url));

/** Nobody else may have it open. It is made where there is none. */
export const openCatalog = (path: string) => new CatalogHandle(path, pressUrl, resourcesPath, 'make');
