/** A disk of a Clonezilla or Rescuezilla folder, put together again. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Warning } from '../contract/warnings.ts';
import { EngineError } from '../core/engine-error.ts';
import type { BlockSource } from '../disk/block-source.port.ts';
import { composedSource, type Part } from '../disk/composed-source.ts';
import { memorySource } from '../disk/memory-source.ts';
import { slice } from '../disk/slice.ts';
import { swapHeader } from '../filesystems/swap/header.ts';
import { isCloneFolder, readCloneFolder, type ClonedDisk } from '../formats/clonezilla/folder.ts';
import type { PartitionPiece } from '../formats/clonezilla/pieces.ts';
import type { ClonedVolume } from '../formats/clonezilla/volume-groups.ts';
import { openFileSource } from '../formats/raw/file-source.ts';
import { readPartcloneHeader, type PartcloneHeader } from '../formats/partclone/header.ts';
import { openPartclone } from '../formats/partclone/reader.ts';
import { memberSource, volumesOf, volumesNotSaved, type LaidOutVolume } from './clone-groups.ts';
import { openJoined, readSmall, unpackedHead, type Scratch } from './image-files.ts';

/** Looks at a folder without opening its images. @returns its disks; null where it is no such folder */
export async function lookAtCloneFolder(folder: string): Promise<ClonedDisk[] | null> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  // links may lead anywhere
  const names = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  if (!isCloneFolder(names)) return null;
  const read = (name: string, maxBytes: number) => readSmall(join(folder, name), maxBytes);
  const disks = await readCloneFolder({
    names,
    read: async (name, maxBytes) => (names.includes(name) ? read(name, maxBytes) : null),
  });
  return disks.map((disk) => ({ ...disk, notSaved: [...disk.notSaved, ...volumesNotSaved(disk)] }));
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
  /** volumes of groups: two members may hold parts of one */
  const volumes = new Map<ClonedVolume, BlockSource>();
  const openPiece = (piece: PartitionPiece, lengthBytes: number) => {
    const paths = piece.files.map((name) => join(folder, name));
    return openPartition(paths, piece.kind, lengthBytes, scratch, warnings).catch((error) => {
      throw namedError(error, paths[0]);
    });
  };
  try {
    if (disk.gap) {
      const { file, startBytes, lengthBytes } = disk.gap;
      const source = await openFileSource(join(folder, file));
      const part = slice(source, 0, Math.min(source.lengthBytes, lengthBytes));
      parts.push({ startBytes, source: { ...part, close: () => source.close() } });
    }
    for (const { startBytes, lengthBytes, uuid, label } of disk.swaps) {
      parts.push({ startBytes, source: memorySource(swapHeader(lengthBytes, uuid, label)) });
    }
    for (const partition of disk.partitions) {
      const source = await openPiece(partition, partition.lengthBytes);
      parts.push({ startBytes: partition.startBytes, source });
    }
    for (const { volume, lengthBytes } of disk.members.flatMap(volumesOf)) {
      if (volumes.has(volume)) continue;
      const source = volume.piece
        ? await openPiece(volume.piece, lengthBytes)
        : memorySource(swapHeader(lengthBytes, volume.swap!.uuid, volume.swap!.label));
      volumes.set(volume, source);
    }
    for (const member of disk.members) {
      parts.push({ startBytes: member.startBytes, source: memberSource(member, volumes) });
    }
    parts.sort((a, b) => a.startBytes - b.startBytes);
    const whole = composedSource(parts, disk.lengthBytes, disk.sectorBytes);
    return { ...whole, close: () => closeAll([whole, ...volumes.values()]) };
  } catch (error) {
    await closeAll([...parts.map(({ source }) => source), ...volumes.values()]);
    throw error;
  }
}

async function closeAll(sources: readonly BlockSource[]): Promise<void> {
  await Promise.all(sources.map((source) => source.close()));
}

/** Of an unpacked image: room for the header of either version. */
const HEAD_BYTES = 8192;

export interface PiecesSeen {
  /** what has to be unpacked to read the disk, at the most: of each packed partition the used blocks that its image tells of, or all of it */
  readonly unpackedBytes: number;
  readonly warnings: readonly Warning[];
}

/** Looks at the beginning of each image of a disk. @throws EngineError `FORMAT_INVALID`, `FORMAT_UNSUPPORTED` */
export async function lookIntoPieces(folder: string, disk: ClonedDisk, signal: AbortSignal): Promise<PiecesSeen> {
  let unpackedBytes = 0;
  const warnings: Warning[] = [];
  const volumes = disk.members.flatMap(volumesOf).filter(isFirstOfVolume);
  const kept = volumes.flatMap(({ volume, lengthBytes }) => (volume.piece ? [{ ...volume.piece, lengthBytes }] : []));
  for (const { kind, files, lengthBytes } of [...disk.partitions, ...kept]) {
    const paths = files.map((name) => join(folder, name));
    const { bytes, isPacked } = await unpackedHead(paths, HEAD_BYTES, signal);
    const header = kind === 'partclone' ? await readPartcloneHeader(memorySource(bytes)) : null;
    if (header) warnings.push(...notChecked(header, paths[0]));
    if (isPacked) unpackedBytes += header ? header.usedBlocks * header.blockBytes : lengthBytes;
  }
  return { unpackedBytes, warnings };
}

function notChecked({ checksum }: PartcloneHeader, path: string): Warning[] {
  return checksum === 'unchecked' ? [{ code: 'IMAGE_SUMS_NOT_CHECKED', data: { path } }] : [];
}

/** A volume on two members of one disk is told of both. */
function isFirstOfVolume({ volume }: LaidOutVolume, i: number, all: readonly LaidOutVolume[]): boolean {
  return all.findIndex((other) => other.volume === volume) === i;
}

async function openPartition(
  paths: string[],
  kind: PartitionPiece['kind'],
  lengthBytes: number,
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
    warnings.push(...notChecked(image.header, paths[0]));
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
