/** What no table, no group and no file system of a disk speaks of, and who says of the rest that it is free. */
import type { OutsidePlace } from '../../contract/account.contract.ts';
import type { Extent } from '../../disk/block-source.port.ts';
import { bytesOf, gapsIn } from '../../volumes/extents.ts';
import type { VolumeTree } from '../volume-tree.ts';
import type { VolumeUsage } from '../volume-usage.ts';

/** A run of bytes of the disk. */
export interface OutsidePiece extends Extent {
  /** the region of the manifest that it is captured in: 0 for the disk, i + 1 for its volume i */
  readonly region: number;
  /** where that region begins on the disk */
  readonly regionStartBytes: number;
  readonly place: OutsidePlace;
  /** the volume that it lies in, as `files` names it; '' between partitions */
  readonly volume: string;
}

export interface FreeSpace {
  /** a file system's kind, or 'lvm2' for extents of no volume */
  readonly by: string;
  readonly lengthBytes: number;
}

/** @returns in order of region and start, disjoint */
export function outsidePiecesOf(
  { layout, partitions }: VolumeTree,
  usage: VolumeUsage,
  diskBytes: number,
): OutsidePiece[] {
  const disk = { startBytes: 0, lengthBytes: diskBytes };
  const first = layout.partitions.at(0)?.startBytes ?? Infinity;
  const last = layout.partitions.at(-1)?.startBytes ?? -Infinity;
  const gaps = gapsIn(disk, [...layout.metadata, ...layout.partitions]).map((gap): OutsidePiece => {
    const place = gap.startBytes < first ? 'before-first' : gap.startBytes > last ? 'behind-last' : 'between';
    return { ...gap, region: 0, regionStartBytes: 0, place, volume: '' };
  });
  const inside = partitions.flatMap((volume, i) => {
    const regionStartBytes = volume.partition!.startBytes;
    const place = volume.membership ? 'in-member' : 'behind-file-system';
    return usage.outside(volume).map(({ startBytes, lengthBytes }): OutsidePiece => ({
      startBytes: regionStartBytes + startBytes,
      lengthBytes,
      region: i + 1,
      regionStartBytes,
      place,
      volume: volume.ref,
    }));
  });
  return [...gaps, ...inside];
}

/**
 * What is left of the partitions is free: by the file system that has it, or else by the group that gave it to no volume. The
 * sums are those of the partitions whatever the volumes inside them count.
 */
export function freeSpaceOf(
  { partitions, groups }: VolumeTree,
  usage: VolumeUsage,
  outside: readonly OutsidePiece[],
): FreeSpace[] {
  const heldBytes = bytesOf(partitions.map((volume) => volume.partition!));
  const usedBytes = partitions.reduce((sum, volume) => sum + usage.usedBytes(volume), 0);
  const outsideBytes = bytesOf(outside.filter(({ region }) => region > 0));
  const byKind = new Map<string, number>();
  for (const volume of [...partitions, ...groups.flatMap(({ volumes }) => volumes)]) {
    const by = usage.contentOf(volume).fileSystem?.kind;
    if (by) byKind.set(by, (byKind.get(by) ?? 0) + usage.freeOnDisk(volume));
  }
  const bySystems = [...byKind.values()].reduce((sum, lengthBytes) => sum + lengthBytes, 0);
  byKind.set('lvm2', heldBytes - usedBytes - outsideBytes - bySystems);
  return [...byKind].map(([by, lengthBytes]) => ({ by, lengthBytes })).filter(({ lengthBytes }) => lengthBytes !== 0);
}
