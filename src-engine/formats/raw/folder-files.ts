/** Files that lie beside an image. */
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError, toEngineError } from '../../core/engine-error.ts';
import type { OpenSibling } from '../disk-image.port.ts';
import { checkSiblingName } from '../sibling-name.ts';
import { openFileSource, type FilePath } from './file-source.ts';

/**
 * @returns what opens regular files of one folder by their plain names. Links are refused: they may lead anywhere
 * @throws EngineError from what it returns: `FORMAT_UNSUPPORTED`, `NOT_FOUND`, `PERMISSION_DENIED`
 */
export function filesOfFolder(folder: string): OpenSibling {
  return async (name) => {
    const path = await pathBeside(folder, checkSiblingName(name));
    const stat = await lstat(path).catch((error) => {
      throw toEngineError(error);
    });
    if (!stat.isFile()) {
      throw new EngineError('FORMAT_UNSUPPORTED', { feature: `a link or folder as a file (${name})`, path: name });
    }
    return openFileSource(path, undefined, { isPlain: true });
  };
}

/**
 * Names in encodings that nobody tells are kept as one character for each byte: the file may be called by these bytes.
 * @returns the path of a file of a folder, whether it is there or not
 */
export async function pathBeside(folder: string, name: string): Promise<FilePath> {
  const path = join(folder, name);
  if (!/^[\0-\xff]*[\x80-\xff][\0-\xff]*$/.test(name)) return path;
  if (await lstat(path).catch(() => null)) return path;
  const byBytes = Buffer.concat([Buffer.from(join(folder, '/')), Buffer.from(name, 'latin1')]);
  return (await lstat(byBytes).catch(() => null)) ? byBytes : path;
}
