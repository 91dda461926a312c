/** One file out of an archive, onto a sparse file: zeros are not written, and bombs end early. */
import { open } from 'node:fs/promises';
import { EngineError } from '../core/engine-error.ts';
import { isStream } from './archive-type.ts';
import type { ArchiveEntry } from './list-archive.ts';
import { runOnArchive, type ArchiveFile } from './seven-zip.ts';

export interface UnpackLimits {
  /** of the unpacked file, holes included */
  readonly maxBytes: number;
  /** unpacked bytes that are not zeros, for each packed byte: an empty disk packs to nearly nothing and harms nobody */
  readonly maxRatio: number;
}
export const UNPACK_LIMITS: UnpackLimits = { maxBytes: 8 * 2 ** 40, maxRatio: 300 };

const BLOCK_BYTES = 4096;
const ZEROS = Buffer.alloc(BLOCK_BYTES);

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
  advance: (bytes: number) => void = () => {},
): Promise<number> {
  if (entry.isLink) throw new EngineError('ARCHIVE_UNSAFE', { path: file.path, reason: 'link', value: entry.name });
  const { child, ended } = runOnArchive('extract', file, isStream(file.type) ? [] : [`-i!${entry.name}`], signal);
  const target = await open(to, 'wx', 0o600);
  let lengthBytes = 0;
  let dataBytes = 0;
  try {
    for await (const piece of child.stdout as AsyncIterable<Buffer>) {
      for (const run of dataRuns(piece, lengthBytes)) {
        await target.write(piece, run.start, run.length, lengthBytes + run.start);
        dataBytes += run.length;
      }
      lengthBytes += piece.length;
      advance(piece.length);
      check(file, lengthBytes <= limits.maxBytes, 'length', limits.maxBytes);
      check(file, dataBytes <= limits.maxRatio * Math.max(packedBytes, BLOCK_BYTES), 'ratio', limits.maxRatio);
    }
    await ended;
    await target.truncate(lengthBytes);
  } finally {
    child.kill();
    await target.close();
  }
  return lengthBytes;
}

function check({ path }: ArchiveFile, isFine: boolean, reason: string, value: number): void {
  if (!isFine) throw new EngineError('ARCHIVE_UNSAFE', { path, reason, value });
}

/** The runs of `piece`, which comes to `offsetBytes` of the file, that are not whole blocks of zeros. */
function* dataRuns(piece: Buffer, offsetBytes: number): Generator<{ start: number; length: number }> {
  let start = -1;
  for (let at = 0; at < piece.length;) {
    const end = Math.min(piece.length, at + BLOCK_BYTES - ((offsetBytes + at) % BLOCK_BYTES));
    const isZero = piece.compare(ZEROS, 0, end - at, at, end) === 0;
    if (!isZero && start < 0) start = at;
    if (isZero && start >= 0) {
      yield { start, length: at - start };
      start = -1;
    }
    at = end;
  }
  if (start >= 0) yield { start, length: piece.length - start };
}
