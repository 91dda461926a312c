/** A disk of a Clonezilla or Rescuezilla folder, put together again. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Warning } from '../../contract/warnings.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { composedSource, type Part } from '../../disk/composed-source.ts';
import { memorySource } from '../../disk/memory-source.ts';
import { slice } from '../../disk/slice.ts';
import { swapHeader } from '../../filesystems/swap/header.ts';
import { isCloneFolder, readCloneFolder, type ClonedDisk } from '../../formats/clonezilla/folder.ts';
import { readPartcloneHeader } from '../../formats/partclone/header.ts';
import { openPartclone } from '../../formats/partclone/reader.ts';
import { openJoined, readSmall, unpackedHead, type Scratch } from './image-files.ts';

/** Looks at a folder without opening its images. @returns its disks; null where it is no such folder */
export async function lookAtCloneFolder(folder: string): Promise<ClonedDisk[] | null> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  // links may lead anywhere
  const names = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  if (!isCloneFolder(names)) return null;
  const read = (name: string, maxBytes: number) => readSmall(join(folder, name), maxBytes);
  return readCloneFolder({
    names,
    read: async (name, maxBytes) => (names.includes(name) ? read(name, maxBytes) : null),
  });
}

/**
 * @returns the disk as it was, with partitions that were not saved as zeros: whoever asks for it has been told of them
 * @throws EngineError `FORMAT_INVALID`, `FORMAT_UNSUPPORTED`, `ARCHIVE_UNSAFE`, `DISK_FULL`
 */
export async function openClonedDisk(
  folder: string,
  disk: ClonedDisk,
  scratch: Scratch,
  warnings: Warning[],
): Promise<BlockSource> {
  const parts: Part[] = disk.front.map(({ startBytes, bytes }) => ({ startBytes, source: memorySource(bytes) }));
  try {
    for (const { startBytes, lengthBytes, uuid, label } of disk.swaps) {
      parts.push({ startBytes, source: memorySource(swapHeader(lengthBytes, uuid, label)) });
    }
    for (const partition of disk.partitions) {
      const paths = partition.files.map((name) => join(folder, name));
      const source = await openPartition(paths, partition, scratch, warnings).catch((error) => {
        throw namedError(error, paths[0]);
      });
      parts.push({ startBytes: partition.startBytes, source });
    }
    parts.sort((a, b) => a.startBytes - b.startBytes);
    return composedSource(parts, disk.lengthBytes, disk.sectorBytes);
  } catch (error) {
    await Promise.all(parts.map(({ source }) => source.close()));
    throw error;
  }
}

/** Of an unpacked image: room for the header of either version. */
const HEAD_BYTES = 8192;

/**
 * What has to be unpacked to read a disk, at the most: of each packed partition the used blocks that its image tells of, or all of it.
 * @throws EngineError `FORMAT_INVALID`, `FORMAT_UNSUPPORTED`
 */
export async function unpackedBytesOf(folder: string, disk: ClonedDisk, signal: AbortSignal): Promise<number> {
  let bytes = 0;
  for (const { kind, files, lengthBytes } of disk.partitions) {
    const paths = files.map((name) => join(folder, name));
    const head = await unpackedHead(paths, HEAD_BYTES, signal);
    if (!head) continue;
    const header = kind === 'partclone' ? await readPartcloneHeader(memorySource(head)) : null;
    bytes += header ? header.usedBlocks * header.blockBytes : lengthBytes;
  }
  return bytes;
}

async function openPartition(
  paths: string[],
  { kind, lengthBytes }: ClonedDisk['partitions'][number],
  scratch: Scratch,
  warnings: Warning[],
): Promise<BlockSource> {
  const stream = await openJoined(paths, scratch, warnings);
  try {
    // as it was, whatever it begins with
    if (kind === 'dd' && stream.lengthBytes === lengthBytes) return stream;
    const image = await openPartclone(stream);
    if (!image && kind === 'dd') {
      const { lengthBytes: value } = stream;
      throw new EngineError('FORMAT_INVALID', { field: 'partition length', value, min: lengthBytes, max: lengthBytes });
    }
    if (!image) throw new EngineError('FORMAT_INVALID', { field: 'partclone image' });
    if (image.header.checksum === 'unchecked')
      warnings.push({ code: 'IMAGE_SUMS_NOT_CHECKED', data: { path: paths[0] } });
    return cutTo({ ...image.source, close: () => stream.close() }, lengthBytes);
  } catch (error) {
    await stream.close();
    throw error;
  }
}

/** @returns the error, with the file that it is about */
function namedError(thrown: unknown, path: string): unknown {
  if (!(thrown instanceof EngineError) || !thrown.code.startsWith('FORMAT_') || thrown.data.path !== undefined)
    return thrown;
  return new EngineError(thrown.code, { path, ...thrown.data }, thrown.hint, { cause: thrown });
}

/** partclone keeps a file system; a partition may be longer, and is never shorter. */
function cutTo(source: BlockSource, lengthBytes: number): BlockSource {
  if (source.lengthBytes <= lengthBytes) return source;
  // blocks of the file system that the partition has no room for would be lost
  if (source.lengthBytes - lengthBytes >= 1024 * 1024) {
    throw new EngineError('FORMAT_INVALID', {
      field: 'file system',
      value: String(source.lengthBytes),
      max: lengthBytes,
    });
  }
  return { ...slice(source, 0, lengthBytes), close: () => source.close() };
}
