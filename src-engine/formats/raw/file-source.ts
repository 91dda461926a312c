/** A raw image file or a block device as a source: byte N of the file is byte N of the disk. Opened read-only, always. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { checkSpan } from '../../core/bounds.ts';
import { EngineError, ioError } from '../../core/engine-error.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';

export interface DiskFacts {
  readonly lengthBytes: number;
  readonly sectorBytes: number;
  readonly physicalSectorBytes: number;
}

/**
 * @param facts size and sectors of a block device, whose length `stat` does not tell; a file's own length and 512-byte
 *   sectors where they are not given
 * @throws EngineError `NOT_FOUND`, `PERMISSION_DENIED`, `BAD_REQUEST` for a folder
 */
export async function openFileSource(path: string, facts?: DiskFacts): Promise<BlockSource> {
  const handle = await open(path, constants.O_RDONLY).catch((error) => {
    throw ioError(error, 'READ_FAILED', { path });
  });
  try {
    const stat = await handle.stat();
    if (stat.isDirectory()) throw new EngineError('BAD_REQUEST', { path, reason: 'folder' });
    const lengthBytes = facts?.lengthBytes ?? stat.size;
    return {
      lengthBytes,
      sectorBytes: facts?.sectorBytes ?? 512,
      physicalSectorBytes: facts?.physicalSectorBytes ?? 512,
      async readInto(offsetBytes, into) {
        checkSpan('read', offsetBytes, into.length, lengthBytes);
        for (let done = 0; done < into.length;) {
          const { bytesRead } = await handle.read(into, done, into.length - done, offsetBytes + done).catch((error) => {
            throw ioError(error, 'READ_FAILED', { path, offsetBytes: offsetBytes + done });
          });
          if (bytesRead === 0) {
            throw new EngineError('READ_FAILED', { path, offsetBytes: offsetBytes + done, reason: 'ended early' });
          }
          done += bytesRead;
        }
      },
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}
