/** One file out of a template into a new file of this machine. */
import { constants } from 'node:fs';
import { chmod, open, rm, utimes, type FileHandle } from 'node:fs/promises';
import type { FileContent, FileNode } from '../../filesystems/file-tree.port.ts';

const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;

/**
 * What is a hole stays one. What cannot be read whole is not left behind.
 * @param piece memory to copy through
 * @param advance is told the bytes that were written, piece by piece
 * @throws EngineError `FORMAT_INVALID`, `READ_FAILED`; errors of the system, `EEXIST` where something is there
 */
export async function copyFile(
  content: FileContent,
  to: string,
  piece: Buffer,
  signal: AbortSignal,
  advance: (bytes: number) => void,
): Promise<void> {
  const file = await open(to, O_WRONLY | O_CREAT | O_EXCL | (O_NOFOLLOW ?? 0), 0o600);
  let isWhole = false;
  try {
    for await (const runs of content.dataRuns(signal)) {
      for (const { startBytes, lengthBytes } of runs) {
        for (let done = 0; done < lengthBytes; done += piece.length) {
          signal.throwIfAborted();
          const bytes = piece.subarray(0, Math.min(piece.length, lengthBytes - done));
          await content.readInto(startBytes + done, bytes);
          await writeWhole(file, bytes, startBytes + done);
          advance(bytes.length);
        }
      }
    }
    await file.truncate(content.lengthBytes);
    isWhole = true;
  } finally {
    await file.close();
    if (!isWhole) await rm(to);
  }
}

async function writeWhole(file: FileHandle, bytes: Buffer, offsetBytes: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    done += (await file.write(bytes, done, bytes.length - done, offsetBytes + done)).bytesWritten;
  }
}

/**
 * Permissions without those that lend rights (set-uid and the like), then the time, where this place keeps such things. Owners
 * may always go into their own folders.
 */
export async function settle({ kind, mode, modifiedMs }: FileNode, path: string): Promise<void> {
  if (mode !== null) await chmod(path, (mode & 0o777) | (kind === 'folder' ? 0o700 : 0)).catch(() => {});
  if (modifiedMs !== null) await utimes(path, modifiedMs / 1000, modifiedMs / 1000).catch(() => {});
}
