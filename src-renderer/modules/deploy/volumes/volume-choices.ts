/**
 * What a person says of the lengths of volumes, and a picture of what comes of it while a handle is dragged. What really comes of it is
 * the plan's, which is asked for as soon as the handle is let go.
 */
import type { DiskView, VolumeChoice, VolumePlan } from '../../../../src-engine/contract/index.ts';

export type VolumeSize = VolumeChoice['size'];
export type Choices = readonly VolumeChoice[];

/** @returns undefined: it is left to the engine */
export const sizeChosen = (choices: Choices, volume: string): VolumeSize | undefined =>
  choices.find((one) => one.volume === volume)?.size;

/** @param size undefined: it is left to the engine again */
export function choose(choices: Choices, volume: string, size: VolumeSize | undefined): VolumeChoice[] {
  const others = choices.filter((one) => one.volume !== volume);
  return size === undefined ? others : [...others, { volume, size }];
}

/** Volumes inside a group have no place of their own on the disk. */
export const isOnDisk = ({ volume }: Pick<VolumePlan, 'volume'>): boolean => !volume.includes('/');

/** Of a plan's volume, what the template's disk shows. */
export function viewOf(disk: DiskView, ref: string) {
  const inner = disk.groups.flatMap(({ volumes }) => volumes).find((view) => view.ref === ref);
  return inner ?? disk.volumes.find(({ number }) => String(number ?? 0) === ref);
}

const MIB = 2 ** 20;
/** A GPT's backup, and whole MiB. */
const END_BYTES = 2 * MIB;
/** The smallest part of the largest volume that gives and takes room unasked: a boot partition is left alone. */
const LARGE_PART = 1 / 4;

/** The volumes of a disk as they are planned, and what was said of them. */
export interface Layout {
  /** those on the disk itself, in its order */
  readonly volumes: readonly VolumePlan[];
  readonly choices: Choices;
  /** length of the target */
  readonly diskBytes: number;
  /** the target is larger than the disk that was captured */
  readonly isLarger: boolean;
}

/** Between which lengths the end of a volume can be dragged. */
export interface Range {
  readonly minBytes: number;
  readonly maxBytes: number;
}

const endOf = (places: readonly { startBytes: number; lengthBytes: number }[]) =>
  Math.max(0, ...places.map(({ startBytes, lengthBytes }) => startBytes + lengthBytes));

/** @returns null where its length is what it is */
export function rangeOf(layout: Layout, volume: VolumePlan): Range | null {
  const { cannotGrow, cannotShrink, beforeBytes, lengthBytes, minimumBytes } = volume;
  if (cannotGrow && cannotShrink) return null;
  const minBytes = Math.min(cannotShrink ? beforeBytes : minimumBytes, lengthBytes);
  const spareBytes = Math.max(0, layout.diskBytes - END_BYTES - endOf(layout.volumes));
  const given = layout.volumes
    .filter((one) => one !== volume && isFree(layout, one))
    .reduce((sum, one) => sum + Math.max(0, one.lengthBytes - leastOf(layout, one)), 0);
  const maxBytes = Math.max(lengthBytes, cannotGrow ? beforeBytes : lengthBytes + spareBytes + given);
  return maxBytes > minBytes ? { minBytes, maxBytes } : null;
}

const isFree = ({ choices }: Layout, { volume }: VolumePlan) => sizeChosen(choices, volume) === undefined;

const isLarge = ({ volumes }: Layout, { beforeBytes }: VolumePlan) =>
  beforeBytes >= Math.max(0, ...volumes.map((one) => one.beforeBytes)) * LARGE_PART;

/** What a volume can be made to give up for another one, unasked. */
function leastOf(layout: Layout, volume: VolumePlan): number {
  const { cannotShrink, beforeBytes, lengthBytes, minimumBytes } = volume;
  return Math.min(lengthBytes, cannotShrink || !isLarge(layout, volume) ? beforeBytes : minimumBytes);
}

/** How all volumes lie while the end of one is dragged: what it takes others give, and what it leaves one that grows unasked takes. */
export function dragged(layout: Layout, ref: string, lengthBytes: number): VolumePlan[] {
  const { volumes, diskBytes, isLarger } = layout;
  const isOther = (one: VolumePlan) => one.volume !== ref && isFree(layout, one);
  const lengths = volumes.map((one) => (one.volume === ref ? lengthBytes : one.lengthBytes));
  const over = () => endOf(placed(volumes, lengths)) - (diskBytes - END_BYTES);
  for (let i = volumes.length - 1; i >= 0 && over() > 0; i--) {
    if (isOther(volumes[i])) lengths[i] -= Math.min(over(), Math.max(0, lengths[i] - leastOf(layout, volumes[i])));
  }
  const taker = volumes.findLastIndex((one) => isOther(one) && !one.cannotGrow && isLarge(layout, one));
  if (isLarger && taker >= 0 && over() < 0) lengths[taker] -= over();
  return placed(volumes, lengths);
}

/** Whatever stands behind a volume moves with its end, by whole MiB. */
function placed(volumes: readonly VolumePlan[], lengths: readonly number[]): VolumePlan[] {
  let shiftBytes = 0;
  return volumes.map((volume, i) => {
    const place = { ...volume, startBytes: volume.startBytes + shiftBytes, lengthBytes: lengths[i] };
    shiftBytes += Math.ceil((lengths[i] - volume.lengthBytes) / MIB) * MIB;
    return place;
  });
}

/** The target's disk with its volumes at those places. */
export function picturedAt(after: DiskView, volumes: readonly VolumePlan[]): DiskView {
  const placeOf = (number: number | null) => volumes.find(({ volume }) => volume === String(number ?? 0));
  return {
    ...after,
    volumes: after.volumes.map((view) => {
      const place = placeOf(view.number);
      return place ? { ...view, startBytes: place.startBytes, lengthBytes: place.lengthBytes } : view;
    }),
  };
}

/** A length as it is told, of three digits, so that what is read is what is meant. */
export function roundLength(lengthBytes: number, { minBytes, maxBytes }: Range): number {
  const stepBytes = stepOf(lengthBytes);
  return Math.min(maxBytes, Math.max(minBytes, Math.round(lengthBytes / stepBytes) * stepBytes));
}

/** The last of three digits of a length; at least a megabyte. */
export const stepOf = (lengthBytes: number): number =>
  Math.max(1e6, 10 ** (Math.floor(Math.log10(Math.max(1, lengthBytes))) - 2));
