/** Why files of a volume cannot be written here. Words: `guestReason.REASON`. */
import type { OpenedVolume } from '../../inspection/disk-inspection.ts';
import { writerOf } from '../../writers/write-volume.ts';
import { placeOnDisk } from './volume-on-disk.ts';

/** How a target is reached. */
export interface Reach {
  /** it is a disk, and no file */
  readonly isDevice: boolean;
  /** with root's rights: they are there, or are asked for when it comes to it */
  readonly hasRoot: boolean;
}

/** @param kind of its file system @returns null where they can */
export function writeRefusal(
  volumes: readonly OpenedVolume[],
  ref: string,
  kind: string,
  { isDevice, hasRoot }: Reach,
): string | null {
  const writer = writerOf(kind);
  if (!writer) return 'no-writer';
  if ((writer.needsRoot || isDevice) && !hasRoot) return 'needs-root';
  const place = placeOnDisk(volumes, ref);
  if (!place) return 'scattered';
  return isDevice && place.startBytes === 0 ? 'whole-disk' : null;
}
