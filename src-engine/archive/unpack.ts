/** One file out of an archive, onto a sparse file. */
import { EngineError } from '../core/engine-error.ts';
import { isStream } from './archive-type.ts';
import type { ArchiveEntry } from './list-archive.ts';
import { runOnArchive, type ArchiveFile } from './seven-zip.ts';
import { writeSparseFile, type UnpackLimits } from './sparse-file.ts';

/**
 * Unpacks `entry` to the new file `to`.
 * @param packedBytes length of the whole archive
 * @param advance told how many bytes came, zeros included
 * @returns length of the file in bytes
 * @throws EngineError `ARCHIVE_UNSAFE` over a limit; `ARCHIVE_PASSWORD`, `FORMAT_INVALID`, `DISK_FULL`. `to` is then left as it is
 */
export async function unpackEntry(
  file: ArchiveFile,
  entry: ArchiveEntry,
  to: string,
  packedBytes: number,
  limits: UnpackLimits,
  signal: AbortSignal,
  advance?: (bytes: number) => void,
): Promise<number> {
  if (entry.isLink) throw new EngineError('ARCHIVE_UNSAFE', { path: file.path, reason: 'link', value: entry.name });
  async function* content() {
    // begun only when it is read from: what a process has written when it ends is thrown away where nobody reads
    const { child, ended } = runOnArchive('extract', file, isStream(file.type) ? [] : [`-i!${entry.name}`], signal);
    try {
      yield* child.stdout as AsyncIterable<Buffer>;
      // what came counts only once 7-Zip says that it was all, and whole
      await ended;
    } finally {
      child.kill();
    }
  }
  return writeSparseFile(content(), to, { path: file.path, lengthBytes: packedBytes }, limits, advance);
}
