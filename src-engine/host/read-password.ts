/** Arguments can be read by every user of the machine; a file can be kept to oneself. */
import { CommandError } from '../contract/client.ts';
import { EngineError, toEngineError } from '../core/engine-error.ts';
import { readNamedFile } from '../core/read-named-file.ts';

const MAX_PASSWORD_FILE_BYTES = 64 * 1024;

/**
 * @param path `-` for the standard input
 * @returns its first line
 * @throws CommandError `BAD_REQUEST` for what is no regular file, `NOT_FOUND`, `PERMISSION_DENIED`, `FORMAT_INVALID` where it is too long
 */
export async function readPassword(path: string): Promise<string> {
  try {
    const bytes = path === '-' ? await firstLineOfInput() : await readNamedFile(path, MAX_PASSWORD_FILE_BYTES);
    return bytes.toString('utf8').split(/\r?\n/)[0];
  } catch (error) {
    throw new CommandError(toEngineError(error).toView());
  }
}

/** By its stream: a process that waits in a read(2) of its standard input cannot end before that does. */
async function firstLineOfInput(): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let length = 0;
  try {
    for await (const piece of process.stdin.iterator({ destroyOnReturn: false })) {
      pieces.push(Buffer.from(piece as Buffer));
      length += pieces.at(-1)!.length;
      if (pieces.at(-1)!.includes(0x0a) || length > MAX_PASSWORD_FILE_BYTES) break;
    }
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code ?? '';
    throw new EngineError('READ_FAILED', { path: '-', offsetBytes: length, reason }, '', { cause });
  } finally {
    process.stdin.pause();
  }
  if (length > MAX_PASSWORD_FILE_BYTES) {
    const max = MAX_PASSWORD_FILE_BYTES;
    throw new EngineError('FORMAT_INVALID', { path: '-', field: 'length', value: `> ${max}`, max });
  }
  return Buffer.concat(pieces);
}
