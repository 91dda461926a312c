/** Reads and writes of a file handle that do all that they were asked for. */
import type { FileHandle } from 'node:fs/promises';
import { ioError } from '../core/engine-error.ts';

type Handle = Pick<FileHandle, 'read' | 'write'>;

/** @param path for errors @throws EngineError `WRITE_FAILED`, `DISK_FULL` */
export async function writeWhole(handle: Handle, path: string, offsetBytes: number, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const at = offsetBytes + done;
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, at).catch((error) => {
      throw ioError(error, 'WRITE_FAILED', { path, offsetBytes: at });
    });
    done += bytesWritten;
  }
}

/** What lies behind the end of the file reads as zeros. @param path for errors @throws EngineError `READ_FAILED` */
export async function readPadded(handle: Handle, path: string, offsetBytes: number, into: Uint8Array): Promise<void> {
  for (let done = 0; done < into.length;) {
    const at = offsetBytes + done;
    const { bytesRead } = await handle.read(into, done, into.length - done, at).catch((error) => {
      throw ioError(error, 'READ_FAILED', { path, offsetBytes: at });
    });
    if (bytesRead === 0) return void into.fill(0, done);
    done += bytesRead;
  }
}
