/** A raw image file or a block device as a target. */
import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { checkSpan } from '../../core/bounds.ts';
import { EngineError, ioError } from '../../core/engine-error.ts';
import type { BlockSink } from '../../disk/block-source.port.ts';
import { isInvalid, openDirect } from '../../core/direct-access.ts';
import { directPart } from './direct-part.ts';
import type { DiskFacts } from './file-source.ts';

/**
 * Writes and reads past the page cache where the system and the memory allow it: a deploy's data is used once, and going
 * through the cache took four times the processor time.
 * @param handle an open read-write handle; the sink closes it
 * @param path for errors; it is never opened, since it may be another file's by now
 * @param isEmpty the file is new and sparse: what is not written reads as zero
 */
export async function createFileSink(
  handle: FileHandle,
  path: string,
  facts: DiskFacts,
  isEmpty: boolean,
): Promise<BlockSink> {
  const direct = await openDirect(handle, constants.O_RDWR);
  let canWriteDirect = direct !== null;
  let readBack: BlockSink['readBack'] = direct ? 'direct' : 'cached';

  /** @returns false where this file system has no direct writes after all */
  async function writeDirect(offsetBytes: number, bytes: Uint8Array): Promise<boolean> {
    try {
      await put(direct!, path, offsetBytes, bytes);
      return true;
    } catch (error) {
      if (!isInvalid(error)) throw error;
      canWriteDirect = false;
      return false;
    }
  }

  return {
    lengthBytes: facts.lengthBytes,
    sectorBytes: facts.sectorBytes,
    physicalSectorBytes: facts.physicalSectorBytes,
    isEmpty,
    get readBack() {
      return readBack;
    },
    async write(offsetBytes, bytes) {
      checkSpan('write', offsetBytes, bytes.length, facts.lengthBytes);
      const [head, end] = directPart(offsetBytes, bytes);
      if (!canWriteDirect || head === end || !(await writeDirect(offsetBytes + head, bytes.subarray(head, end)))) {
        return put(handle, path, offsetBytes, bytes);
      }
      await put(handle, path, offsetBytes, bytes.subarray(0, head));
      await put(handle, path, offsetBytes + end, bytes.subarray(end));
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

async function put(to: FileHandle, path: string, offsetBytes: number, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await to.write(bytes, done, bytes.length - done, offsetBytes + done).catch((error) => {
      throw isInvalid(error) ? error : ioError(error, 'WRITE_FAILED', { path, offsetBytes: offsetBytes + done });
    });
    done += bytesWritten;
  }
}

/** Reads until `needed` bytes are there. The last read may ask for more than there is: a direct read must end on a boundary. */
async function fill(
  from: FileHandle,
  path: string,
  offsetBytes: number,
  into: Uint8Array,
  needed: number,
): Promise<void> {
  for (let done = 0; done < needed;) {
    const { bytesRead } = await from.read(into, done, into.length - done, offsetBytes + done).catch((error) => {
      throw isInvalid(error) ? error : ioError(error, 'READ_FAILED', { path, offsetBytes: offsetBytes + done });
    });
    if (bytesRead === 0)
      throw new EngineError('READ_FAILED', { path, offsetBytes: offsetBytes + done, reason: 'ended early' });
    done += bytesRead;
  }
}
