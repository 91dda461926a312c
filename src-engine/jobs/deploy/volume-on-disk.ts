/** Where a volume lies on its disk, for programs that take one place and one length. */
import type { Extent } from '../../disk/block-source.port.ts';
import type { OpenedVolume } from '../../inspection/disk-inspection.ts';
import { bytesOf, joinExtents } from '../../volumes/extents.ts';

/** @returns null where it lies in several pieces, or more than once */
export function placeOnDisk(volumes: readonly OpenedVolume[], ref: string): Extent | null {
  const volume = volumes.find((one) => one.ref === ref);
  if (!volume) return null;
  const { lengthBytes } = volume.source;
  const pieces = volume.toDisk({ startBytes: 0, lengthBytes });
  const joined = joinExtents(pieces);
  // pieces that follow each other on the disk have to do so in the volume too
  const isInOrder = pieces.every(({ startBytes }, i) => i === 0 || startBytes > pieces[i - 1].startBytes);
  return joined.length === 1 && isInOrder && bytesOf(pieces) === lengthBytes ? joined[0] : null;
}
