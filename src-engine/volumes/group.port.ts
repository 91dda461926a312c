/** Volumes that together hold others: a volume group of LVM2, an array of MD. What lies where, in bytes of the members. */
import type { Extent } from '../disk/block-source.port.ts';

/** Bytes of a member of a group. */
export interface MemberExtent extends Extent {
  /** place in {@link VolumeGroup.members} */
  readonly member: number;
}

/** Where a column of a run begins. */
export interface Column {
  readonly member: number;
  readonly startBytes: number;
}

/**
 * A run of an inner volume. Pieces of `stripeBytes` go to its columns in turn; with one column the run is linear. Every
 * column holds the same number of bytes.
 */
export interface MappedRun extends Extent {
  readonly stripeBytes: number;
  readonly columns: readonly Column[];
}

export interface InnerVolume {
  readonly name: string;
  readonly lengthBytes: number;
  /** 'linear', 'striped', 'mirror'; others cannot be read here: 'thin-pool', 'raid5'… */
  readonly mapping: string;
  /**
   * Its bytes, ascending and without gaps, once for each copy that there is of them. None: it cannot be read here, and is
   * captured as it lies.
   */
  readonly copies: readonly (readonly MappedRun[])[];
  /** where it lies with all that it needs, where {@link copies} is empty; what several share is told of the first */
  readonly occupied: readonly MemberExtent[];
}

export interface GroupMember {
  /** place in the list of volumes that the group was looked for in */
  readonly volume: number;
  /** what a capture takes of the member besides the inner volumes: labels, superblocks, what belongs to none of them */
  readonly metadata: readonly Extent[];
  /** where the group gives room to volumes: what it has given to none of them is free; null where it gives nothing away */
  readonly allocatable: Extent | null;
  /** what makes it a member, in front of what it holds; null where it begins like the inner volume itself */
  readonly label: Extent | null;
}

export interface VolumeGroup {
  readonly kind: 'lvm2' | 'md-raid';
  readonly name: string;
  readonly uuid: string;
  /** those that are there */
  readonly members: readonly GroupMember[];
  /** members that are elsewhere */
  readonly missingMembers: number;
  /** whether the members are of use here: no volume has copies otherwise, and members are captured as they lie */
  readonly isReadable: boolean;
  readonly volumes: readonly InnerVolume[];
}

/** A volume that shows itself as a member of something, and cannot be read as one. */
export interface BrokenMember {
  /** place in the list of volumes */
  readonly volume: number;
  readonly reason: string;
}
