/** How long the logical volumes of a group become when its room is another: in extents, of which the group gives room away. */
import { LARGE_PART, type VolumeSize } from './fit-volumes.ts';

export interface GroupVolume {
  readonly ref: string;
  readonly extents: number;
  readonly canGrow: boolean;
  readonly canShrink: boolean;
  /** gives and takes room where nobody chose */
  readonly isElastic: boolean;
  /** the least that it can become; its length where it cannot shrink */
  readonly leastExtents: number;
  readonly mostExtents: number;
}

export type GroupProblem = 'CANNOT_GROW' | 'CANNOT_SHRINK' | 'VOLUME_TOO_SMALL';

/** @param size in bytes, or what is wished @returns extents, before room is given away; or what stands against that */
export function askedExtents(
  volume: GroupVolume,
  size: VolumeSize | undefined,
  extentBytes: number,
): number | GroupProblem {
  const { extents, canGrow, canShrink, leastExtents, mostExtents } = volume;
  if (size === undefined || size === 'keep') return extents;
  if (size === 'grow') return canGrow ? extents : 'CANNOT_GROW';
  if (size === 'shrink') return canShrink ? leastExtents : 'CANNOT_SHRINK';
  const asked = Math.ceil(size / extentBytes);
  if (asked > extents && (!canGrow || asked > mostExtents)) return 'CANNOT_GROW';
  if (asked < extents && !canShrink) return 'CANNOT_SHRINK';
  return asked < Math.min(extents, leastExtents) || asked === 0 ? 'VOLUME_TOO_SMALL' : asked;
}

/** What the group needs at least, with everything that nobody asked for as small as it can be. */
export function leastRoom(
  volumes: readonly GroupVolume[],
  choices: ReadonlyMap<string, VolumeSize>,
  extentBytes: number,
): number {
  return volumes.reduce((sum, volume) => {
    const asked = lengthAsked(volume, choices, extentBytes);
    return sum + (gives(volume, choices) ? Math.min(asked, volume.leastExtents) : asked);
  }, 0);
}

const gives = ({ ref, canShrink, isElastic }: GroupVolume, choices: ReadonlyMap<string, VolumeSize>) =>
  canShrink && isElastic && !choices.has(ref);

/** What cannot be is told elsewhere; here it stays as it is. */
function lengthAsked(volume: GroupVolume, choices: ReadonlyMap<string, VolumeSize>, extentBytes: number): number {
  const asked = askedExtents(volume, choices.get(volume.ref), extentBytes);
  return typeof asked === 'number' ? asked : volume.extents;
}

/**
 * What was free in the group stays free, unless something has to become shorter otherwise.
 * @param room in extents, at least {@link leastRoom} @param oldRoom what it was
 * @returns the extents of each volume
 */
export function fitGroup(
  volumes: readonly GroupVolume[],
  choices: ReadonlyMap<string, VolumeSize>,
  extentBytes: number,
  room: number,
  oldRoom: number,
): number[] {
  const lengths = volumes.map((volume) => lengthAsked(volume, choices, extentBytes));
  const sum = () => lengths.reduce((all, extents) => all + extents, 0);
  const largest = Math.max(0, ...volumes.map(({ extents }) => extents));
  const isLarge = (i: number) => volumes[i].extents >= largest * LARGE_PART;
  const places = volumes.map((_, i) => i);
  if (sum() > room) {
    const slackOf = (i: number) => Math.max(0, lengths[i] - volumes[i].leastExtents);
    const able = places.filter((i) => gives(volumes[i], choices));
    const alone = able.filter(isLarge).findLast((i) => slackOf(i) >= sum() - room);
    const inOrder = alone === undefined ? able.toSorted((a, b) => slackOf(b) - slackOf(a)) : [alone];
    for (const i of inOrder) lengths[i] -= Math.min(slackOf(i), Math.max(0, sum() - room));
    return lengths;
  }
  const oldFree = oldRoom - volumes.reduce((all, { extents }) => all + extents, 0);
  const asked = places.filter((i) => choices.get(volumes[i].ref) === 'grow' && volumes[i].canGrow);
  const byItself = places.findLast((i) => {
    return room > oldRoom && volumes[i].canGrow && volumes[i].isElastic && isLarge(i) && !choices.has(volumes[i].ref);
  });
  const growing = asked.length > 0 ? asked : byItself === undefined ? [] : [byItself];
  const spare = Math.max(0, room - sum() - oldFree);
  const all = growing.reduce((total, i) => total + volumes[i].extents, 0);
  let left = spare;
  for (const i of growing) {
    const share = i === growing.at(-1) ? left : Math.floor((spare * volumes[i].extents) / all);
    const more = Math.min(share, volumes[i].mostExtents - lengths[i]);
    lengths[i] += more;
    left -= more;
  }
  return lengths;
}
