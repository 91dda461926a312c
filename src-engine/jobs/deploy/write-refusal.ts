/** Why files of a volume cannot be written here. Words: `guestReason.REASON`. */
import type { OpenedVolume } from '../../inspection/disk-inspection.ts';
import { writerOf } from '../../writers/write-volume.ts';
import { placeOnDisk } from './volume-on-disk.ts';

/** @param kind of its file system @param isDevice the target is a disk, and no file @returns null where they can */
export function writeRefusal(
  volumes: readonly OpenedVolume[],
  ref: string,
  kind: string,
  isDevice: boolean,
): string | null {
  const writer = writerOf(kind);
  if (!writer) return 'no-writer';
  if ((writer.needsRoot || isDevice) && process.geteuid?.() !== 0) return 'needs-root';
  const place = placeOnDisk(volumes, ref);
  if (!place) return 'scattered';
  return isDevice && place.startBytes === 0 ? 'whole-disk' : null;
}
