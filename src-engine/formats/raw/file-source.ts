/** A raw image file or a block device as a source: byte N of the file is byte N of the disk. Opened read-only, always. */
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { checkSpan } from '../../core/bounds.ts';
import { EngineError, ioError } from '../../core/engine-error.ts';
import type { BlockSource, Extent } from '../../disk/block-source.port.ts';
import { runsWithin } from '../../disk/runs-within.ts';
import { isInvalid } from '../../core/direct-access.ts';
import { directPart } from './direct-part.ts';

export interface DiskFacts {
  readonly lengthBytes: number;
  readonly sectorBytes: number;
  readonly physicalSectorBytes: number;
}

/** Shorter files are read in less time than it takes to ask where they lie. */
const MIN_ASKED_BYTES = 64 * 1024 * 1024;
/** Holes that are shorter in all are read sooner than asked for. */
const MIN_HOLES_BYTES = 256 * 1024 * 1024;
/** What `stat` counts blocks in: stat(2), st_blocks. */
const STAT_BLOCK_BYTES = 512;

/** @returns where an open file may hold other than zeros, ascending; null where its file system does not tell */
export type AskData = (handle: FileHandle, signal: AbortSignal) => Promise<readonly Extent[] | null>;

/** @returns whether most of an open file lies in the page cache */
export type AskCached = (handle: FileHandle) => Promise<boolean>;

/** Paths are text, unless a name in them is none in UTF-8. */
export type FilePath = string | Buffer;

/**
 * Large reads into aligned memory go past the page cache: a capture's data is looked at once, and filling the cache with it
 * costs the processor as much as hashing it does, and the machine what it had cached before. A file that lies there already is read from there.
 * @param facts size and sectors of a block device, whose length `stat` does not tell; a file's own length and 512-byte
 *   sectors where they are not given
 * @param isPlain a regular file that is no link is asked for: what an image names is not believed further
 * @param askCached asked once, at the first large read of a long file
 * @param askData for a file that nobody writes to while it is open; large holes are then passed over
 * @throws EngineError `NOT_FOUND`, `PERMISSION_DENIED`, `BAD_REQUEST` for a folder, or what is not plain
 */
export async function openFileSource(
  filePath: FilePath,
  facts?: DiskFacts,
  {
    isPlain = false,
    askData = null,
    askCached = null,
  }: { isPlain?: boolean; askData?: AskData | null; askCached?: AskCached | null } = {},
): Promise<BlockSource> {
  const path = filePath.toString();
  // a pipe that nobody writes to would be waited for
  const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (isPlain ? (constants.O_NOFOLLOW ?? 0) : 0);
  const handle = await open(filePath, flags).catch((error) => {
    throw ioError(error, 'READ_FAILED', { path });
  });
  try {
    const stat = await handle.stat();
    if (isPlain && !stat.isFile()) throw new EngineError('BAD_REQUEST', { path, reason: 'not a file' });
    if (stat.isDirectory()) throw new EngineError('BAD_REQUEST', { path, reason: 'folder' });
    if (!stat.isFile() && !stat.isBlockDevice())
      throw new EngineError('BAD_REQUEST', { path, reason: 'neither a file nor a disk' });
    const lengthBytes = facts?.lengthBytes ?? stat.size;
    const direct = constants.O_DIRECT ? await openAgain(filePath, flags | constants.O_DIRECT, handle) : null;
    let canReadDirect = direct !== null;
    const isLong = stat.isFile() && stat.size >= MIN_ASKED_BYTES;
    let isCached: Promise<boolean> | null = null;
    const readsCache = () => (isCached ??= isLong && askCached ? askCached(handle) : Promise.resolve(false));
    const hasHoles = stat.isFile() && lengthBytes - stat.blocks * STAT_BLOCK_BYTES >= MIN_HOLES_BYTES;
    return {
      lengthBytes,
      sectorBytes: facts?.sectorBytes ?? 512,
      physicalSectorBytes: facts?.physicalSectorBytes ?? 512,
      async readInto(offsetBytes, into) {
        checkSpan('read', offsetBytes, into.length, lengthBytes);
        const [start, end] = canReadDirect ? directPart(offsetBytes, into) : [0, 0];
        if (start === end || (await readsCache())) return fill(handle, path, offsetBytes, into, stat.isFile());
        try {
          await fill(direct!, path, offsetBytes + start, into.subarray(start, end), stat.isFile());
        } catch (error) {
          if (!isInvalid(error)) throw error;
          canReadDirect = false;
          return fill(handle, path, offsetBytes, into, stat.isFile());
        }
        await fill(handle, path, offsetBytes, into.subarray(0, start), stat.isFile());
        await fill(handle, path, offsetBytes + end, into.subarray(end), stat.isFile());
      },
      ...(askData && hasHoles && { dataRuns: dataRunsOf(handle, lengthBytes, askData) }),
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

/** Asked when it is first wanted, once. */
function dataRunsOf(handle: FileHandle, lengthBytes: number, askData: AskData): NonNullable<BlockSource['dataRuns']> {
  let asked: ReturnType<AskData> | null = null;
  return async function* (startBytes, length, signal) {
    checkSpan('read', startBytes, length, lengthBytes);
    asked ??= askData(handle, signal);
    const runs = await asked;
    if (runs) yield* runsWithin(runs, startBytes, length);
    else yield [{ startBytes, lengthBytes: length }];
  };
}

/** @returns null where that is not possible, or where something else has the name by now */
async function openAgain(path: FilePath, flags: number, first: FileHandle): Promise<FileHandle | null> {
  const again = await open(path, flags).catch(() => null);
  if (!again) return null;
  const [one, other] = await Promise.all([first.stat(), again.stat()]);
  if (one.dev === other.dev && one.ino === other.ino) return again;
  await again.close();
  return null;
}

/** @param isFile it had all of its bytes when it was opened: one that ends early now has changed, and no cable is to blame */
async function fill(
  from: FileHandle,
  path: string,
  offsetBytes: number,
  into: Uint8Array,
  isFile: boolean,
): Promise<void> {
  for (let done = 0; done < into.length;) {
    const { bytesRead } = await from.read(into, done, into.length - done, offsetBytes + done).catch((error) => {
      throw isInvalid(error) ? error : ioError(error, 'READ_FAILED', { path, offsetBytes: offsetBytes + done });
    });
    if (bytesRead === 0) {
      const code = isFile ? 'SOURCE_CHANGED' : 'READ_FAILED';
      throw new EngineError(code, { path, offsetBytes: offsetBytes + done, reason: 'ended early' });
    }
    done += bytesRead;
  }
}
