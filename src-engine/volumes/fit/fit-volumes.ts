/**
 * Fits the partitions of a disk onto one of another length: which become longer or shorter, and where each comes to lie. Their order and
 * the gaps between them stay; what stands behind one that changes moves by whole MiB, so that what was aligned stays aligned.
 */
import type { VOLUME_SIZES } from '../../contract/deploy.contract.ts';
import type { Extent } from '../../disk/block-source.port.ts';
import { MIB, roundDown, roundUp } from './rounding.ts';

/** A partition, and what can be done with it. */
export interface FitVolume extends Extent {
  /** how a person names it */
  readonly ref: string;
  readonly canGrow: boolean;
  readonly canShrink: boolean;
  /** takes what a larger disk has more, or gives what a smaller one has not, where nobody chose */
  readonly isElastic: boolean;
  /** the least that it can become; its length where it cannot shrink */
  readonly minimumBytes: number;
  /** the most */
  readonly maximumBytes: number;
  /** may not begin elsewhere */
  readonly isFixed: boolean;
}

/** A length in bytes, or what is wished of it. */
export type VolumeSize = (typeof VOLUME_SIZES)[number] | number;

/** The room for partitions on a disk. */
export interface FitRoom {
  /** where it ends on the target */
  readonly endBytes: number;
  /** where it ended on the disk that was captured */
  readonly oldEndBytes: number;
  /** of the target: what changes is whole ones */
  readonly sectorBytes: number;
}

export type FitProblem =
  /** it has to end there at least, with everything as small as it can be */
  | { readonly code: 'ROOM_TOO_SMALL'; readonly requiredEndBytes: number }
  | {
      readonly code: 'VOLUME_TOO_SMALL';
      readonly ref: string;
      readonly askedBytes: number;
      readonly minimumBytes: number;
    }
  | { readonly code: 'CANNOT_GROW' | 'CANNOT_SHRINK'; readonly ref: string }
  /** `behind`: the one in front of it that changes */
  | { readonly code: 'CANNOT_MOVE'; readonly ref: string; readonly behind: string };

export type Fit =
  | { readonly isPossible: true; /** in the order of the volumes */ readonly places: readonly Extent[] }
  | { readonly isPossible: false; readonly problem: FitProblem };

/** Lengths that a person gives in bytes are rounded up to these: the block of most file systems. */
const LENGTH_UNIT_BYTES = 4096;
/** Only what is at least this part of the largest one gives or takes room unasked, as long as it alone is enough: a boot partition is left alone. */
export const LARGE_PART = 1 / 4;

/**
 * @param volumes in order of start, disjoint
 * @param choices by {@link FitVolume.ref}
 */
export function fitVolumes(
  volumes: readonly FitVolume[],
  choices: ReadonlyMap<string, VolumeSize>,
  room: FitRoom,
): Fit {
  const lengths: number[] = [];
  for (const volume of volumes) {
    const asked = askedLength(volume, choices.get(volume.ref));
    if (typeof asked !== 'number') return { isPossible: false, problem: asked };
    lengths.push(asked);
  }
  const kept = placesOf(volumes, lengths);
  const spareBytes = room.endBytes - endOf(kept);
  const fit =
    spareBytes < 0 ? shrunk(volumes, lengths, choices, room) : grown(volumes, lengths, choices, room, spareBytes);
  return typeof fit === 'number'
    ? { isPossible: false, problem: { code: 'ROOM_TOO_SMALL', requiredEndBytes: fit } }
    : withoutFixedMoves(volumes, fit);
}

function askedLength(volume: FitVolume, size: VolumeSize | undefined): number | FitProblem {
  const { ref, lengthBytes, minimumBytes, maximumBytes, canGrow, canShrink } = volume;
  if (size === undefined || size === 'keep') return lengthBytes;
  if (size === 'grow') return canGrow ? lengthBytes : { code: 'CANNOT_GROW', ref };
  if (size === 'shrink')
    return canShrink ? Math.min(roundUp(minimumBytes, LENGTH_UNIT_BYTES), lengthBytes) : { code: 'CANNOT_SHRINK', ref };
  // what it has to the byte is what it keeps, whatever it is a multiple of
  const askedBytes = size === lengthBytes ? size : roundUp(size, LENGTH_UNIT_BYTES);
  if (askedBytes > lengthBytes && (!canGrow || askedBytes > maximumBytes)) return { code: 'CANNOT_GROW', ref };
  if (askedBytes < lengthBytes && !canShrink) return { code: 'CANNOT_SHRINK', ref };
  if (askedBytes < Math.min(minimumBytes, lengthBytes))
    return { code: 'VOLUME_TOO_SMALL', ref, askedBytes: size, minimumBytes };
  return askedBytes;
}

/** Everything behind a volume that changes moves with its end, and keeps at least the distance that it had. */
function placesOf(volumes: readonly Extent[], lengths: readonly number[], closed: readonly number[] = []): Extent[] {
  let shiftBytes = 0;
  return volumes.map((volume, i) => {
    const startBytes = volume.startBytes + shiftBytes - (closed[i] ?? 0);
    const place = { startBytes, lengthBytes: lengths[i] };
    shiftBytes = shiftAfter(volume, place);
    return place;
  });
}

/** By how much what follows a volume moves. */
export function shiftAfter(volume: Extent, place: Extent): number {
  return roundUp(place.startBytes + place.lengthBytes - volume.startBytes - volume.lengthBytes, MIB);
}

const endOf = (places: readonly Extent[]) => Math.max(0, ...places.map((p) => p.startBytes + p.lengthBytes));

function grown(
  volumes: readonly FitVolume[],
  lengths: readonly number[],
  choices: ReadonlyMap<string, VolumeSize>,
  room: FitRoom,
  spareBytes: number,
): Extent[] {
  const asked = volumes.flatMap(({ ref }, i) => (choices.get(ref) === 'grow' ? [i] : []));
  const byItself = room.endBytes > room.oldEndBytes ? lastElastic(volumes, choices) : -1;
  const growing = asked.length > 0 ? asked : byItself < 0 ? [] : [byItself];
  const shares = [...lengths];
  const all = growing.reduce((sum, i) => sum + lengths[i], 0);
  let left = roundDown(spareBytes, MIB);
  for (const i of growing.slice(0, -1)) {
    const share = roundDown(Math.floor(spareBytes * (lengths[i] / all)), MIB);
    shares[i] += share;
    left -= share;
  }
  if (growing.length > 0) shares[growing.at(-1)!] += left;
  for (const i of growing) shares[i] = wholeSectors(Math.min(shares[i], volumes[i].maximumBytes), lengths[i], room);
  return placesOf(volumes, shares);
}

/** The last that takes more room unasked, with nothing behind it that has to stay. */
function lastElastic(volumes: readonly FitVolume[], choices: ReadonlyMap<string, VolumeSize>): number {
  for (let i = volumes.length - 1; i >= 0; i--) {
    const { ref, isElastic, canGrow, isFixed } = volumes[i];
    if (isElastic && canGrow && !choices.has(ref)) return i;
    if (isFixed) return -1;
  }
  return -1;
}

/** @returns where the room has to end at least, where it is too small for all that can be done */
function shrunk(
  volumes: readonly FitVolume[],
  lengths: readonly number[],
  choices: ReadonlyMap<string, VolumeSize>,
  room: FitRoom,
): Extent[] | number {
  const { endBytes } = room;
  const missing = (places: readonly Extent[]) => roundUp(Math.max(endOf(places) - endBytes, 0), MIB);
  // room that nobody has comes first: nothing has to become smaller for it
  const closed = volumes.map(() => 0);
  for (let i = volumes.length - 1; i > 0; i--) {
    const gapBytes = volumes[i].startBytes - volumes[i - 1].startBytes - volumes[i - 1].lengthBytes;
    const canMove = volumes.slice(i).every(({ isFixed }) => !isFixed);
    if (!canMove) break;
    closed[i] = Math.min(missing(placesOf(volumes, lengths, closed)), Math.max(roundDown(gapBytes, MIB) - MIB, 0));
  }
  const shares = [...lengths];
  const slackOf = (i: number) => roundDown(Math.max(shares[i] - volumes[i].minimumBytes, 0), MIB);
  const able = volumes.flatMap(({ ref, canShrink, isElastic }, i) => {
    return canShrink && isElastic && !choices.has(ref) && slackOf(i) > 0 ? [i] : [];
  });
  const wanted = missing(placesOf(volumes, shares, closed));
  const largest = Math.max(0, ...able.map((i) => lengths[i]));
  const alone = able.filter((i) => lengths[i] >= largest * LARGE_PART).findLast((i) => slackOf(i) >= wanted);
  const inOrder = alone === undefined ? able.toSorted((a, b) => slackOf(b) - slackOf(a)) : [alone];
  for (const i of inOrder) {
    const givenBytes = Math.min(slackOf(i), missing(placesOf(volumes, shares, closed)));
    shares[i] = wholeSectors(shares[i] - givenBytes, lengths[i], room);
  }
  const places = placesOf(volumes, shares, closed);
  return missing(places) > 0 ? endOf(places) : places;
}

/** What keeps its length keeps it to the byte. */
function wholeSectors(bytes: number, lengthBytes: number, { sectorBytes }: FitRoom): number {
  return bytes === lengthBytes ? bytes : roundDown(bytes, sectorBytes);
}

function withoutFixedMoves(volumes: readonly FitVolume[], places: readonly Extent[]): Fit {
  const moved = volumes.findIndex(({ isFixed, startBytes }, i) => isFixed && places[i].startBytes !== startBytes);
  if (moved < 0) return { isPossible: true, places };
  const changed = volumes.findLastIndex(({ lengthBytes }, i) => i < moved && places[i].lengthBytes !== lengthBytes);
  const problem = { code: 'CANNOT_MOVE', ref: volumes[moved].ref, behind: volumes[Math.max(changed, 0)].ref } as const;
  return { isPossible: false, problem };
}
