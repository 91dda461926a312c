/** Small files that a person named: read without waiting for anybody, and never beyond a limit. */
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { EngineError, toEngineError } from './engine-error.ts';

/**
 * Opened without waiting: a pipe that nobody writes to would hold its reader for ever, and some devices do things when they are
 * opened. What was opened is then asked what it is; a name could have come to mean another thing since.
 * @throws EngineError `BAD_REQUEST` for what is no regular file; `NOT_FOUND`, `PERMISSION_DENIED`
 */
export async function openRegularFile(path: string): Promise<FileHandle> {
  const { O_RDONLY, O_NONBLOCK = 0, O_NOCTTY = 0 } = constants;
  const file = await open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY).catch((error) => {
    // a socket
    if (error.code === 'ENXIO') throw new EngineError('BAD_REQUEST', { path, reason: 'not a regular file' });
    throw toEngineError(error);
  });
  try {
    if ((await file.stat()).isFile()) return file;
    throw new EngineError('BAD_REQUEST', { path, reason: 'not a regular file' });
  } catch (error) {
    await file.close();
    throw toEngineError(error);
  }
}

/**
 * The whole of a small file. What it holds is in no error.
 * @param maxBytes counted as they are read: a file may grow, and those of the kernel do not know their length
 * @throws EngineError `BAD_REQUEST` for what is no regular file; `FORMAT_INVALID` for one that is longer; `NOT_FOUND`,
 *   `PERMISSION_DENIED`, `READ_FAILED`
 */
export async function readNamedFile(path: string, maxBytes: number): Promise<Buffer> {
  const file = await openRegularFile(path);
  try {
    return await readBounded((into) => file.read(into, 0, into.length, null), path, maxBytes);
  } finally {
    await file.close();
  }
}

/**
 * Everything that a reader gives until its end.
 * @param path for the error
 * @throws EngineError `FORMAT_INVALID` beyond `maxBytes`, `READ_FAILED`
 */
async function readBounded(
  read: (into: Buffer) => Promise<{ bytesRead: number }>,
  path: string,
  maxBytes: number,
): Promise<Buffer> {
  const bytes = Buffer.alloc(maxBytes + 1);
  let length = 0;
  while (length <= maxBytes) {
    const { bytesRead } = await read(bytes.subarray(length)).catch((error) => {
      throw new EngineError('READ_FAILED', { path, offsetBytes: length, reason: error.code ?? '' }, '', {
        cause: error,
      });
    });
    if (bytesRead === 0) return bytes.subarray(0, length);
    length += bytesRead;
  }
  throw new EngineError('FORMAT_INVALID', { path, field: 'length', value: `> ${maxBytes}`, max: maxBytes });
}
