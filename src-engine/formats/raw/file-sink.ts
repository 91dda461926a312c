/** A raw image file or a block device as a target. */
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { checkSpan } from '../../core/bounds.ts';
import { EngineError, ioError } from '../../core/engine-error.ts';
import type { BlockSink } from '../../disk/block-source.port.ts';
import type { DiskFacts } from './file-source.ts';

/**
 * Opens a target for writing. A device is opened exclusively: the kernel refuses where it is mounted or claimed.
 * @param handle an open read-write handle; the sink closes it
 * @param path the same file again, for reading past the page cache
 * @param isEmpty the file is new and sparse: what is not written reads as zero
 */
export async function createFileSink(
  handle: FileHandle,
  path: string,
  facts: DiskFacts,
  isEmpty: boolean,
): Promise<BlockSink> {
  const direct = await open(path, constants.O_RDONLY | (constants.O_DIRECT ?? 0)).catch(() => null);
  let readBack: BlockSink['readBack'] = direct && constants.O_DIRECT ? 'direct' : 'cached';

  return {
    ...facts,
    isEmpty,
    get readBack() {
      return readBack;
    },
    async write(offsetBytes, bytes) {
      checkSpan('write', offsetBytes, bytes.length, facts.lengthBytes);
      for (let done = 0; done < bytes.length;) {
        const { bytesWritten } = await handle
          .write(bytes, done, bytes.length - done, offsetBytes + done)
          .catch((error) => {
            throw ioError(error, 'WRITE_FAILED', { path, offsetBytes: offsetBytes + done });
          });
        done += bytesWritten;
      }
    },
    async sync() {
      await handle.sync().catch((error) => {
        throw ioError(error, 'WRITE_FAILED', { path, offsetBytes: 0 });
      });
    },
    async readBackInto(offsetBytes, into) {
      checkSpan('read back', offsetBytes, 0, facts.lengthBytes);
      const needed = Math.min(into.length, facts.lengthBytes - offsetBytes);
      if (readBack === 'direct') {
        try {
          return await fill(direct!, path, offsetBytes, into, needed);
        } catch (error) {
          if (!isInvalid(error)) throw error;
          // the file system of this target has no direct reads (an old tmpfs): read through the cache, and say so
          readBack = 'cached';
        }
      }
      await fill(handle, path, offsetBytes, into, needed);
    },
    async close() {
      await direct?.close();
      await handle.close();
    },
  };
}

/** Reads until `needed` bytes are there. The last read may ask for more than there is: a direct read must end on a boundary. */
async function fill(from: FileHandle, path: string, offsetBytes: number, into: Uint8Array, needed: number): Promise<void> {
  for (let done = 0; done < needed; ) {
    const { bytesRead } = await from.read(into, done, into.length - done, offsetBytes + done).catch((error) => {
      throw isInvalid(error) ? error : ioError(error, 'READ_FAILED', { path, offsetBytes: offsetBytes + done });
    });
    if (bytesRead === 0) throw new EngineError('READ_FAILED', { path, offsetBytes: offsetBytes + done, reason: 'ended early' });
    done += bytesRead;
  }
}

function isInvalid(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EINVAL';
}
