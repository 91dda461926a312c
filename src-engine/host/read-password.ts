/** Arguments can be read by every user of the machine; a file can be kept to oneself. */
import { readInput } from './read-input.ts';

const MAX_PASSWORD_FILE_BYTES = 64 * 1024;

/**
 * @param path `-` for the standard input
 * @returns its first line
 * @throws CommandError as {@link readInput}
 */
export async function readPassword(path: string): Promise<string> {
  const bytes = await readInput(path, MAX_PASSWORD_FILE_BYTES, true);
  return bytes.toString('utf8').split(/\r?\n/)[0];
}
