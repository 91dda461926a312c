/** From a path to something that can be read: an attached disk or an image file. */
import type { PlaceView } from '../contract/disk.contract.ts';
import type { BlockSource } from '../disk/block-source.port.ts';
import { openFileSource } from '../formats/raw/file-source.ts';
import type { Machine } from '../machines/machine.port.ts';

export interface OpenedSource {
  readonly source: BlockSource;
  readonly place: PlaceView;
}

/** @throws EngineError `NOT_FOUND`, `PERMISSION_DENIED`, `BAD_REQUEST` */
export async function openSource(machine: Machine, path: string): Promise<OpenedSource> {
  const place = await machine.placeOf(path);
  return { place, source: await openFileSource(place.path, place) };
}
