/** Whether a path is, or can become, a catalog: told before anything is made there. */
import { readdirSync, statfsSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { EngineError, toEngineError } from '../core/engine-error.ts';
import { kernelPlace } from '../core/kernel-places.ts';

/**
 * What happens where there is no catalog: one is made at once; or only for what goes into it, and until then lists are empty, as at the
 * place where a person's catalog is when they name none; or else, where they named one that is not there, they are told.
 */
export type IfNoCatalog = 'make' | 'empty' | 'tell';

/**
 * @returns whether there is a catalog; false: nothing of one, and one can be made
 * @throws EngineError `CATALOG_NOT_FOUND` where none can be: a file, a place of the kernel's; `PERMISSION_DENIED`, `READ_FAILED`
 */
export function isCatalog(root: string): boolean {
  const ancestor = nearestFolder(root);
  const kernels = kernelPlace(statfsSync(ancestor).type);
  if (kernels !== null) throw new EngineError('CATALOG_NOT_FOUND', { path: root, reason: kernels });
  if (ancestor !== resolve(root)) return false;
  try {
    const names = readdirSync(root);
    return ['catalog.db', 'packs', 'manifests'].some((name) => names.includes(name));
  } catch (error) {
    throw toEngineError(error);
  }
}

/** The path itself, or the deepest folder above it that is there. */
function nearestFolder(root: string): string {
  for (let path = resolve(root); ; path = dirname(path)) {
    let stats;
    try {
      stats = statSync(path, { throwIfNoEntry: false });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOTDIR') throw toEngineError(error);
    }
    if (stats?.isDirectory()) return path;
    if (stats) throw new EngineError('CATALOG_NOT_FOUND', { path: root, reason: 'not a folder' });
  }
}
