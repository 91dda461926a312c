/** A new file as the place that an image is written to. */
import { rm, type FileHandle } from 'node:fs/promises';
import { ioError } from '../../core/engine-error.ts';
import type { OutputFile } from '../image-writer.port.ts';

/**
 * @param handle opened for writing; closed with the output @param path for errors
 * @param own the name to remove when it is discarded, where that is another
 */
export function outputFile(handle: FileHandle, path: string, own = path): OutputFile {
  const failed = (error: unknown, offsetBytes: number) => ioError(error, 'WRITE_FAILED', { path, offsetBytes });
  return {
    async write(offsetBytes, bytes) {
      for (let done = 0; done < bytes.length;) {
        const at = offsetBytes + done;
        const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, at).catch((error) => {
          throw failed(error, at);
        });
        done += bytesWritten;
      }
    },
    async setLength(lengthBytes) {
      await handle.truncate(lengthBytes).catch((error) => {
        throw failed(error, lengthBytes);
      });
    },
    async sync() {
      await handle.sync().catch((error) => {
        throw failed(error, 0);
      });
    },
    async close() {
      await handle.close().catch((error) => {
        throw failed(error, 0);
      });
    },
    async discard() {
      await handle.close().catch(() => {});
      await rm(own, { force: true }).catch(() => {});
    },
  };
}
