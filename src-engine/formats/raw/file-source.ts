/** A raw image file or a block device as a source: byte N of the file is byte N of the disk. Opened read-only, always. */
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { checkSpan } from '../../core/bounds.ts';
import { EngineError, ioError } from '../../core/engine-error.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { directPart, isInvalid } from './direct-part.ts';

export interface DiskFacts {
  readonly lengthBytes: number;
  readonly sectorBytes: number;
  readonly physicalSectorBytes: number;
}

/**
 * Large reads into aligned memory go past the page cache: a capture's data is looked at once, and filling the cache with it
 * costs the processor as much as hashing it does, and the machine what it had cached before.
 * @param facts size and sectors of a block device, whose length `stat` does not tell; a file's own length and 512-byte
 *   sectors where they are not given
 * @throws EngineError `NOT_FOUND`, `PERMISSION_DENIED`, `BAD_REQUEST` for a folder
 */
export async function openFileSource(path: string, facts?: DiskFacts): Promise<BlockSource> {
  // without waiting for who would write to a pipe of that name
  const handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)).catch((error) => {
    throw ioError(error, 'READ_FAILED', { path });
  });
  try {
    const stat = await handle.stat();
    if (stat.isDirectory()) throw new EngineError('BAD_REQUEST', { path, reason: 'folder' });
    if (!stat.isFile() && !stat.isBlockDevice()) throw new EngineError('BAD_REQUEST', { path, reason: 'not a file' });
    const lengthBytes = facts?.lengthBytes ?? stat.size;
    const direct = constants.O_DIRECT
      ? await open(path, constants.O_RDONLY | constants.O_DIRECT).catch(() => null)
      : null;
    let canReadDirect = direct !== null;
    return {
      lengthBytes,
      sectorBytes: facts?.sectorBytes ?? 512,
      physicalSectorBytes: facts?.physicalSectorBytes ?? 512,
      async readInto(offsetBytes, into) {
        checkSpan('read', offsetBytes, into.length, lengthBytes);
        const [start, end] = canReadDirect ? directPart(offsetBytes, into) : [0, 0];
        if (start === end) return fill(handle, path, offsetBytes, into);
        try {
          await fill(direct!, path, offsetBytes + start, into.subarray(start, end));
        } catch (error) {
          if (!isInvalid(error)) throw error;
          canReadDirect = false;
          return fill(handle, path, offsetBytes, into);
        }
        await fill(handle, path, offsetBytes, into.subarray(0, start));
        await fill(handle, path, offsetBytes + end, into.subarray(end));
      },
      async close() {
        await direct?.close();
        await handle.close();
      },
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function fill(from: FileHandle, path: string, offsetBytes: number, into: Uint8Array): Promise<void> {
  for (let done = 0; done < into.length;) {
    const { bytesRead } = await from.read(into, done, into.length - done, offsetBytes + done).catch((error) => {
      throw isInvalid(error) ? error : ioError(error, 'READ_FAILED', { path, offsetBytes: offsetBytes + done });
    });
    if (bytesRead === 0) {
      throw new EngineError('READ_FAILED', { path, offsetBytes: offsetBytes + done, reason: 'ended early' });
    }
    done += bytesRead;
  }
}
