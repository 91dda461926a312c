/** Files that a person names to be read: passwords, keys, settings, scripts. */
import { CommandError } from '../contract/client.ts';
import { EngineError, toEngineError } from '../core/engine-error.ts';
import { readNamedFile } from '../core/read-named-file.ts';

/**
 * @param path `-` for the standard input
 * @param isLineEnough of the standard input, where the first line is all that is wanted
 * @throws CommandError `BAD_REQUEST` for what is no regular file, `NOT_FOUND`, `PERMISSION_DENIED`, `FORMAT_INVALID` where it is too long
 */
export async function readInput(path: string, maxBytes: number, isLineEnough = false): Promise<Buffer> {
  try {
    return path === '-' ? await readStandardInput(maxBytes, isLineEnough) : await readNamedFile(path, maxBytes);
  } catch (error) {
    throw new CommandError(toEngineError(error).toView());
  }
}

/** By its stream: a process that waits in a read(2) of its standard input cannot end before that does. */
async function readStandardInput(maxBytes: number, isLineEnough: boolean): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let length = 0;
  try {
    for await (const piece of process.stdin.iterator({ destroyOnReturn: false })) {
      pieces.push(Buffer.from(piece as Buffer));
      length += pieces.at(-1)!.length;
      if (length > maxBytes || (isLineEnough && pieces.at(-1)!.includes(0x0a))) break;
    }
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code ?? '';
    throw new EngineError('READ_FAILED', { path: '-', offsetBytes: length, reason }, '', { cause });
  } finally {
    process.stdin.pause();
  }
  if (length > maxBytes) {
    throw new EngineError('FORMAT_INVALID', { path: '-', field: 'length', value: `> ${maxBytes}`, max: maxBytes });
  }
  return Buffer.concat(pieces);
}
