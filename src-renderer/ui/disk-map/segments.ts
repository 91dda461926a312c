/** A disk as segments in the order of the disk: its volumes, and the space between them that belongs to none. */
import type { DiskView, VolumeGroupView, VolumeView } from '../../../src-engine/contract/index.ts';
import { familyOf, type Family } from './families.ts';

/** What a picture needs of a disk. Jobs that were remembered before there were groups have none. */
export type PicturedDisk = Pick<DiskView, 'lengthBytes' | 'volumes'> & Partial<Pick<DiskView, 'groups'>>;

export interface VolumeSegment {
  kind: 'volume';
  key: string;
  startBytes: number;
  lengthBytes: number;
  usedBytes: number;
  /** 0..1 of the segment */
  usedShare: number;
  family: Family;
  volume: VolumeView;
  /** the group that it is a member of, which holds volumes of its own */
  group: VolumeGroupView | null;
}
export interface FreeSegment {
  kind: 'free';
  key: string;
  startBytes: number;
  lengthBytes: number;
}
export type Segment = VolumeSegment | FreeSegment;

const MIB = 2 ** 20;

/** Gaps up to this are alignment, not space: at most 8 MiB, and at most a hundredth of a small disk, but always 1 MiB and both GPTs. */
export function alignmentBytes(diskBytes: number): number {
  return Math.min(8 * MIB, Math.max(diskBytes / 100, 1.1 * MIB));
}

/** @param index of a volume of the disk */
export function groupOf(disk: PicturedDisk, index: number): VolumeGroupView | null {
  return disk.groups?.find(({ members }) => members.includes(index)) ?? null;
}

/** Where tables lie and volumes overlap, each is shown in full, one after the other. */
export function segmentsOf(disk: PicturedDisk): Segment[] {
  const segments: Segment[] = [];
  const smallest = alignmentBytes(disk.lengthBytes);
  let endBytes = 0;
  const gapUntil = (startBytes: number) => {
    const lengthBytes = startBytes - endBytes;
    if (lengthBytes > smallest) {
      segments.push({ kind: 'free', key: `free-${endBytes}`, startBytes: endBytes, lengthBytes });
    }
  };
  for (const volume of [...disk.volumes].sort((a, b) => a.startBytes - b.startBytes)) {
    gapUntil(volume.startBytes);
    segments.push({
      kind: 'volume',
      key: `volume-${volume.index}`,
      startBytes: volume.startBytes,
      lengthBytes: volume.lengthBytes,
      usedBytes: volume.usedBytes,
      usedShare: volume.lengthBytes ? Math.min(1, volume.usedBytes / volume.lengthBytes) : 0,
      family: familyOf(volume),
      volume,
      group: groupOf(disk, volume.index),
    });
    endBytes = Math.max(endBytes, volume.startBytes + volume.lengthBytes);
  }
  gapUntil(disk.lengthBytes);
  return segments;
}

/**
 * How far each segment's used part is filled when `share` of all used bytes is done: a job goes through a disk from its
 * start to its end.
 * @returns one number from 0 to 1 for each segment; 0 for unallocated space
 */
export function fillOf(segments: readonly Segment[], share: number): number[] {
  const total = segments.reduce((sum, s) => sum + (s.kind === 'volume' ? s.usedBytes : 0), 0);
  let left = total * Math.min(1, Math.max(0, share));
  return segments.map((segment) => {
    if (segment.kind === 'free') return 0;
    if (segment.usedBytes === 0) return share >= 1 ? 1 : 0;
    const done = Math.min(left, segment.usedBytes);
    left -= done;
    return done / segment.usedBytes;
  });
}
