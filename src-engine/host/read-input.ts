/** Files that a person names to be read: keys, settings, scripts. */
import { read } from 'node:fs';
import { promisify } from 'node:util';
import { CommandError } from '../contract/client.ts';
import { toEngineError } from '../core/engine-error.ts';
import { readBounded, readNamedFile } from '../core/read-named-file.ts';

const STANDARD_INPUT = 0;

/**
 * @param path `-` for the standard input
 * @throws CommandError `BAD_REQUEST` for what is no regular file, `NOT_FOUND`, `PERMISSION_DENIED`, `FORMAT_INVALID` where it is too long
 */
export async function readInput(path: string, maxBytes: number): Promise<Buffer> {
  try {
    if (path !== '-') return await readNamedFile(path, maxBytes);
    return await readBounded((into) => promisify(read)(STANDARD_INPUT, into, 0, into.length, null), path, maxBytes);
  } catch (error) {
    throw new CommandError(toEngineError(error).toView());
  }
}
