/** Arguments can be read by every user of the machine; a file can be kept to oneself. */
import { read } from 'node:fs';
import { promisify } from 'node:util';
import { CommandError } from '../contract/client.ts';
import { toEngineError } from '../core/engine-error.ts';
import { readBounded, readNamedFile } from '../core/read-named-file.ts';

const MAX_PASSWORD_FILE_BYTES = 64 * 1024;
const STANDARD_INPUT = 0;

/**
 * @param path `-` for the standard input
 * @returns its first line
 * @throws CommandError `BAD_REQUEST` for what is no regular file, `NOT_FOUND`, `PERMISSION_DENIED`, `FORMAT_INVALID` where it is too long
 */
export async function readPassword(path: string): Promise<string> {
  try {
    const bytes =
      path === '-'
        ? await readBounded(
            (into) => promisify(read)(STANDARD_INPUT, into, 0, into.length, null),
            path,
            MAX_PASSWORD_FILE_BYTES,
          )
        : await readNamedFile(path, MAX_PASSWORD_FILE_BYTES);
    return bytes.toString('utf8').split(/\r?\n/)[0];
  } catch (error) {
    throw new CommandError(toEngineError(error).toView());
  }
}
