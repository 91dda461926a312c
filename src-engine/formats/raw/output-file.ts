/** A new file as the place that an image is written to. */
import { rm, type FileHandle } from 'node:fs/promises';
import { ioError } from '../../core/engine-error.ts';
import type { OutputFile } from '../image-writer.port.ts';
import { writeWhole } from '../whole-writes.ts';

/**
 * @param handle opened for writing; closed with the output @param path for errors
 * @param own the name to remove when it is discarded, where that is another
 */
export function outputFile(handle: FileHandle, path: string, own = path): OutputFile {
  const failed = (error: unknown, offsetBytes: number) => ioError(error, 'WRITE_FAILED', { path, offsetBytes });
  return {
    write: (offsetBytes, bytes) => writeWhole(handle, path, offsetBytes, bytes),
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
