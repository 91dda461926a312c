/** From a path to something that can be read: an attached disk, or the disk in an image file of whatever format. */
import { basename, dirname } from 'node:path';
import type { PlaceView } from '../contract/disk.contract.ts';
import type { BlockSource } from '../disk/block-source.port.ts';
import { openDiskImage } from '../formats/open-image.ts';
import { openFileSource } from '../formats/raw/file-source.ts';
import { filesOfFolder } from '../formats/raw/folder-files.ts';
import type { Machine } from '../machines/machine.port.ts';

export interface OpenedSource {
  readonly source: BlockSource;
  /** its length is the disk's */
  readonly place: PlaceView;
}

/** @throws EngineError `NOT_FOUND`, `PERMISSION_DENIED`, `BAD_REQUEST`; `FORMAT_INVALID`, `FORMAT_UNSUPPORTED`, `FILE_TRUNCATED` for image files */
export async function openSource(machine: Machine, path: string): Promise<OpenedSource> {
  const place = await machine.placeOf(path);
  const source = await openFileSource(place.path, place);
  if (place.kind === 'device' || place.lengthBytes === 0) return { place, source };
  try {
    const { signal } = new AbortController();
    const image = await openDiskImage(source, basename(place.path), filesOfFolder(dirname(place.path)), signal);
    if (!image) return { place, source };
    const { lengthBytes, sectorBytes, physicalSectorBytes } = image.source;
    return { place: { ...place, lengthBytes, sectorBytes, physicalSectorBytes }, source: image.source };
  } catch (error) {
    await source.close();
    throw error;
  }
}
