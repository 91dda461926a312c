/** Files that lie beside an image. */
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError, toEngineError } from '../../core/engine-error.ts';
import type { OpenSibling } from '../disk-image.port.ts';
import { checkSiblingName } from '../sibling-name.ts';
import { openFileSource } from './file-source.ts';

/**
 * @returns what opens regular files of one folder by their plain names. Links are refused: they may lead anywhere
 * @throws EngineError from what it returns: `FORMAT_UNSUPPORTED`, `NOT_FOUND`, `PERMISSION_DENIED`
 */
export function filesOfFolder(folder: string): OpenSibling {
  return async (name) => {
    const path = join(folder, checkSiblingName(name));
    const stat = await lstat(path).catch((error) => {
      throw toEngineError(error);
    });
    if (!stat.isFile())
      throw new EngineError('FORMAT_UNSUPPORTED', { feature: `a link or folder as a file (${name})`, path });
    return openFileSource(path);
  };
}
