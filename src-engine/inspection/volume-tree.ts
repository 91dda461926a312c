/** The volumes of a disk and the volumes inside them, and how bytes of one are found in another. */
import type { BlockSource, Extent } from '../disk/block-source.port.ts';
import type { Signature } from '../filesystems/signatures.ts';
import type { InnerVolume, VolumeGroup } from '../volumes/group.port.ts';
import type { DiskLayout, Partition } from '../volumes/layout.port.ts';
import { toMembers } from '../volumes/mapped-extents.ts';
import type { VolumeContent } from './volume-content.ts';

export interface TreeVolume {
  /** how `files` names it: the number of its partition, '0' where the whole disk is the volume, or `GROUP/NAME` */
  readonly ref: string;
  /** the partition's name, or the inner volume's */
  readonly name: string;
  /** null for a volume inside others */
  readonly partition: Partition | null;
  /** where it lies, for a volume inside others */
  readonly inside: { readonly group: TreeGroup; readonly inner: InnerVolume } | null;
  /** of length 0 for a volume that cannot be read */
  readonly source: BlockSource;
  /** whether something else claims its bytes too: it is taken whole, whatever it holds */
  isContested: boolean;
  /** told last, when it is known what its bytes are to others */
  content: VolumeContent;
  /** the group that it is a readable member of, and its place there */
  membership: { readonly group: TreeGroup; readonly member: number } | null;
}

export interface TreeGroup {
  readonly group: VolumeGroup;
  /** in the order of the group's */
  readonly members: readonly TreeVolume[];
  /** in the order of the group's */
  readonly volumes: readonly TreeVolume[];
}

export interface VolumeTree {
  readonly layout: DiskLayout;
  /** what the disk as a whole bears marks of; null where their places cannot be read */
  readonly signatures: readonly Signature[] | null;
  readonly partitions: readonly TreeVolume[];
  /** a group whose members lie in another one comes after it */
  readonly groups: readonly TreeGroup[];
}

/** Bytes of a volume that holds others. */
export interface VolumePlace extends Extent {
  readonly holder: TreeVolume;
}

/** Where bytes of a volume are in those that hold it: nowhere for a partition, in several places for what is mirrored. */
export function placesOf({ inside }: TreeVolume, extent: Extent): VolumePlace[] {
  if (!inside) return [];
  const { group, inner } = inside;
  return inner.copies
    .flatMap((runs) => toMembers(runs, extent))
    .map(({ member, startBytes, lengthBytes }) => ({ holder: group.members[member], startBytes, lengthBytes }));
}

/** Where bytes of a volume are on the disk. */
export function onDisk(volume: TreeVolume, extent: Extent): Extent[] {
  if (volume.partition) {
    return [{ startBytes: volume.partition.startBytes + extent.startBytes, lengthBytes: extent.lengthBytes }];
  }
  return placesOf(volume, extent).flatMap(({ holder, ...place }) => onDisk(holder, place));
}

/** The partitions that a volume lies in. */
export function partitionsOf(volume: TreeVolume): TreeVolume[] {
  return volume.inside ? [...new Set(volume.inside.group.members.flatMap(partitionsOf))] : [volume];
}
