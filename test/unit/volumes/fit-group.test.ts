/** How long logical volumes become: who gives, who takes, and what stays free. */
import { describe, expect, test } from 'vitest';
import { askedExtents, fitGroup, leastRoom, type GroupVolume } from '../../../src-engine/volumes/fit/fit-group.ts';
import type { VolumeSize } from '../../../src-engine/volumes/fit/fit-volumes.ts';

const EXTENT = 4096;
const volume = (ref: string, extents: number, leastExtents: number, more: Partial<GroupVolume> = {}): GroupVolume => ({
  ...{ ref, extents, leastExtents, mostExtents: 10_000, canGrow: true, isElastic: true },
  canShrink: leastExtents < extents,
  ...more,
});
const ROOT = volume('root', 100, 40);
const SWAP = volume('swap', 10, 1, { isElastic: false });
const HOME = volume('home', 60, 30);
const SMALL = volume('small', 5, 1);
const FIXED = volume('fixed', 20, 20, { canGrow: false });
const ALL = [ROOT, SWAP, HOME, SMALL, FIXED];
const OLD_ROOM = 200;

const choices = (said: Record<string, VolumeSize>) => new Map(Object.entries(said));
const fitted = (room: number, said: Record<string, VolumeSize> = {}) =>
  fitGroup(ALL, choices(said), EXTENT, room, OLD_ROOM);

describe('without a choice', () => {
  test.each([
    // what is free goes first
    [195, [100, 10, 60, 5, 20]],
    // the last large one that is enough by itself
    [180, [100, 10, 45, 5, 20]],
    [150, [55, 10, 60, 5, 20]],
    // it takes all of them, those that have most first; swap, and what cannot, stay
    [110, [40, 10, 35, 5, 20]],
    [101, [40, 10, 30, 1, 20]],
    // what is there more goes to the last large one that takes it; what was free stays free
    [230, [100, 10, 90, 5, 20]],
  ])('in a room of %i', (room, lengths) => {
    expect(fitted(room)).toEqual(lengths);
    expect(lengths.reduce((sum, extents) => sum + extents, 0)).toBeLessThanOrEqual(room);
  });

  test('the least room is what all can become', () => {
    expect(leastRoom(ALL, choices({}), EXTENT)).toBe(101);
    expect(leastRoom(ALL, choices({ root: 'keep', swap: 4 * EXTENT }), EXTENT)).toBe(100 + 4 + 30 + 1 + 20);
  });
});

describe('what was asked for', () => {
  test('is given in whole extents, and who is to grow takes what others gave', () => {
    expect(fitted(OLD_ROOM, { root: 50 * EXTENT - 1, home: 'grow' })).toEqual([50, 10, 110, 5, 20]);
    // where nobody has room, the last large one gives it
    expect(fitted(OLD_ROOM, { swap: 20 * EXTENT })).toEqual([100, 20, 55, 5, 20]);
    expect(fitted(190, { root: 'keep', home: 'keep', small: 'shrink', swap: 'shrink' })).toEqual([100, 1, 60, 1, 20]);
  });

  test('goes by share where several are to grow', () => {
    expect(fitted(OLD_ROOM + 16, { root: 'grow', home: 'grow' })).toEqual([110, 10, 66, 5, 20]);
  });

  test.each([
    ['fixed', 'grow', 'CANNOT_GROW'],
    ['fixed', 'shrink', 'CANNOT_SHRINK'],
    ['fixed', 10 * EXTENT, 'CANNOT_SHRINK'],
    ['root', 39 * EXTENT, 'VOLUME_TOO_SMALL'],
    ['root', 10_001 * EXTENT, 'CANNOT_GROW'],
    ['swap', 0, 'VOLUME_TOO_SMALL'],
  ] as const)('of %s is not possible: %s', (ref, size, problem) => {
    expect(
      askedExtents(
        ALL.find((one) => one.ref === ref)!,
        size,
        EXTENT,
      ),
    ).toBe(problem);
  });
});
