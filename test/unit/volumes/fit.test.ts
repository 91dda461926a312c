import { describe, expect, test } from 'vitest';
import {
  fitVolumes,
  type FitRoom,
  type FitVolume,
  type VolumeSize,
} from '../../../src-engine/volumes/fit/fit-volumes.ts';

const MIB = 1024 * 1024;
const MEANT = {
  maximumBytes: Number.MAX_SAFE_INTEGER,
  canGrow: true,
  canShrink: true,
  isElastic: true,
  isFixed: false,
};

/** In MiB: name, start, length, and what is other than of a file system that can do everything and is half full. */
const volume = (ref: string, start: number, length: number, more: Partial<FitVolume> = {}): FitVolume => ({
  ref,
  startBytes: start * MIB,
  lengthBytes: length * MIB,
  minimumBytes: (length / 2) * MIB,
  ...MEANT,
  ...more,
});
const rigid = { canGrow: false, canShrink: false, isElastic: false };
const swap = { isElastic: false, minimumBytes: MIB };
const room = (end: number, oldEnd: number): FitRoom => ({
  endBytes: end * MIB,
  oldEndBytes: oldEnd * MIB,
  sectorBytes: 512,
});

/** Places in MiB. */
function fitted(volumes: FitVolume[], choices: Record<string, VolumeSize>, at: FitRoom) {
  const fit = fitVolumes(volumes, new Map(Object.entries(choices)), at);
  return fit.isPossible
    ? fit.places.map(({ startBytes, lengthBytes }) => [startBytes / MIB, lengthBytes / MIB])
    : fit.problem;
}

const ESP = volume('1', 1, 99, rigid);
const ROOT = volume('2', 100, 700);
const SWAP = volume('3', 800, 200, swap);
const DISK = [ESP, ROOT, SWAP];

describe('a larger disk', () => {
  test('the last volume that can grow grows, and what stands behind it moves to the end', () => {
    expect(fitted(DISK, {}, room(1500, 1000))).toEqual([
      [1, 99],
      [100, 1200],
      [1300, 200],
    ]);
  });

  test('nothing changes where the disk is not larger, free room behind the last one or not', () => {
    const asItWas = DISK.map(({ startBytes, lengthBytes }) => [startBytes / MIB, lengthBytes / MIB]);
    expect(fitted(DISK, {}, room(1000, 1000))).toEqual(asItWas);
    expect(fitted(DISK, {}, room(1200, 1200))).toEqual(asItWas);
    expect(fitted(DISK, {}, { ...room(0, 1000), endBytes: 1000 * MIB + MIB - 1 })).toEqual(asItWas);
  });

  test('nothing grows in front of what has to stay where it is', () => {
    expect(fitted([ESP, ROOT, volume('3', 800, 200, { ...rigid, isFixed: true })], {}, room(1500, 1000))).toEqual([
      [1, 99],
      [100, 700],
      [800, 200],
    ]);
  });

  test('one that was chosen grows; of several each by its size', () => {
    const home = volume('4', 1000, 1400);
    expect(fitted([...DISK, home], { 2: 'grow' }, room(3400, 2400))).toEqual([
      [1, 99],
      [100, 1700],
      [1800, 200],
      [2000, 1400],
    ]);
    expect(fitted([...DISK, home], { 2: 'grow', 4: 'grow' }, room(2700, 2400))).toEqual([
      [1, 99],
      [100, 800],
      [900, 200],
      [1100, 1600],
    ]);
  });

  test('a length in bytes is what it is, up to the next 4 KiB; what follows stays aligned', () => {
    const fit = fitted(DISK, { 2: 900 * MIB + 1 }, room(1500, 1000));
    expect(fit).toEqual([
      [1, 99],
      [100, 900 + 4096 / MIB],
      [1001, 200],
    ]);
  });

  test('no more than its file system can take, and whole sectors of the target', () => {
    const odd = volume('2', 100, 700, { lengthBytes: 700 * MIB - 512 });
    const at = { ...room(1500, 1000), sectorBytes: 4096 };
    expect(fitted([ESP, odd], {}, at)).toEqual([
      [1, 99],
      [100, 1400 - 4096 / MIB],
    ]);
    expect(fitted([ESP, { ...odd, maximumBytes: 900 * MIB }], {}, at)).toEqual([
      [1, 99],
      [100, 900],
    ]);
    expect(fitted([{ ...ESP, canGrow: true, maximumBytes: 99 * MIB }], { 1: 100 * MIB }, at)).toEqual({
      code: 'CANNOT_GROW',
      ref: '1',
    });
  });

  test('one that is kept is passed over by default', () => {
    expect(fitted([ESP, ROOT, volume('3', 800, 200)], { 3: 'keep' }, room(1500, 1000))).toEqual([
      [1, 99],
      [100, 1200],
      [1300, 200],
    ]);
  });
});

describe('a smaller disk', () => {
  test('the last large one gives what is missing', () => {
    expect(fitted(DISK, {}, room(800, 1000))).toEqual([
      [1, 99],
      [100, 500],
      [600, 200],
    ]);
  });

  test('a small one is left alone where a large one is enough', () => {
    const boot = volume('9', 1000, 100);
    expect(fitted([...DISK, boot], {}, room(1060, 1100))).toEqual([
      [1, 99],
      [100, 660],
      [760, 200],
      [960, 100],
    ]);
  });

  test('several give where one alone has not enough', () => {
    const home = volume('4', 1000, 400);
    expect(fitted([...DISK, home], {}, room(900, 1400))).toEqual([
      [1, 99],
      [100, 350],
      [450, 200],
      [650, 250],
    ]);
  });

  test('room that nobody has is taken first', () => {
    expect(fitted([ESP, volume('2', 100, 300), volume('3', 800, 200)], {}, room(700, 1000))).toEqual([
      [1, 99],
      [100, 300],
      [500, 200],
    ]);
  });

  test('a target that is one sector short', () => {
    const at = { ...room(0, 1000), endBytes: 1000 * MIB - 512 };
    expect(fitted([ESP, ROOT, SWAP], {}, at)).toEqual([
      [1, 99],
      [100, 699],
      [799, 200],
    ]);
  });

  test('what cannot be says where the disk would have to end', () => {
    expect(fitted(DISK, {}, room(600, 1000))).toEqual({ code: 'ROOM_TOO_SMALL', requiredEndBytes: 650 * MIB });
    expect(fitted([ESP, volume('2', 100, 700, rigid)], {}, room(700, 800))).toEqual({
      code: 'ROOM_TOO_SMALL',
      requiredEndBytes: 800 * MIB,
    });
    expect(fitted([ESP, ROOT, volume('3', 800, 200, { ...rigid, isFixed: true })], {}, room(900, 1000))).toEqual({
      code: 'CANNOT_MOVE',
      ref: '3',
      behind: '2',
    });
  });

  test('what was chosen is not shrunk for it', () => {
    expect(fitted(DISK, { 2: 'keep' }, room(900, 1000))).toMatchObject({ code: 'ROOM_TOO_SMALL' });
    expect(fitted(DISK, { 2: 'shrink' }, room(900, 1000))).toEqual([
      [1, 99],
      [100, 350],
      [450, 200],
    ]);
  });
});

describe('what cannot be asked for', () => {
  test.each<[string, FitVolume[], Record<string, VolumeSize>, object]>([
    ['less than it needs', DISK, { 2: 300 * MIB }, { code: 'VOLUME_TOO_SMALL', ref: '2', minimumBytes: 350 * MIB }],
    ['more of what cannot grow', DISK, { 1: 200 * MIB }, { code: 'CANNOT_GROW', ref: '1' }],
    ['growth of what cannot grow', DISK, { 1: 'grow' }, { code: 'CANNOT_GROW', ref: '1' }],
    ['less of what cannot shrink', DISK, { 1: 'shrink' }, { code: 'CANNOT_SHRINK', ref: '1' }],
    ['more than there is', DISK, { 2: 1000 * MIB }, { code: 'ROOM_TOO_SMALL', requiredEndBytes: 1300 * MIB }],
  ])('%s', (_, volumes, choices, problem) => {
    expect(fitted(volumes, choices, room(1000, 1000))).toMatchObject(problem);
  });
});

/** A small generator of its own, so that every run sees the same. */
function* numbers(seed: number): Generator<number, never> {
  for (let state = seed; ;) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state / 2 ** 32;
  }
}

describe('any layout', () => {
  test('keeps its order, its alignment and its fixed places, and no partition shares a byte', () => {
    let possible = 0;
    for (let seed = 1; seed <= 4000; seed++) {
      const random = numbers(seed);
      const next = (below: number) => Math.floor(random.next().value * below);
      let at = [63 * 512, MIB, 2048 * 512 + 512, 4 * MIB][next(4)];
      const volumes = Array.from({ length: 1 + next(7) }, (_, i): FitVolume => {
        const lengthBytes = (1 + next(400_000)) * 512;
        const startBytes = at;
        at += lengthBytes + [0, 0, 63 * 512, MIB, next(50_000) * 512][next(5)];
        const [canGrow, canShrink] = [next(3) > 0, next(3) > 0];
        const minimumBytes = canShrink ? Math.ceil(lengthBytes * random.next().value) : lengthBytes;
        return {
          ref: String(i),
          startBytes,
          lengthBytes,
          ...MEANT,
          canGrow,
          canShrink,
          isElastic: next(3) > 0,
          minimumBytes,
          isFixed: next(8) === 0,
        };
      });
      const oldEndBytes = at + next(3) * MIB;
      const endBytes = Math.floor((oldEndBytes * (0.6 + random.next().value)) / 512) * 512;
      const choices = new Map<string, VolumeSize>();
      for (const { ref, lengthBytes } of volumes) {
        if (next(4) === 0)
          choices.set(
            ref,
            (['grow', 'keep', 'shrink', lengthBytes + (next(3) - 1) * next(30_000) * 512] as const)[next(4)],
          );
      }
      const fit = fitVolumes(volumes, choices, { endBytes, oldEndBytes, sectorBytes: 512 });
      if (!fit.isPossible) continue;
      possible++;
      let end = 0;
      for (const [i, { startBytes, lengthBytes }] of fit.places.entries()) {
        const was = volumes[i];
        const told = `seed ${seed}, volume ${i}`;
        expect(startBytes, told).toBeGreaterThanOrEqual(end);
        expect((startBytes - was.startBytes) % MIB, told).toBe(0 * Math.sign(startBytes - was.startBytes));
        expect(startBytes % 512 === 0 && lengthBytes % 512 === 0, told).toBe(true);
        expect(lengthBytes, told).toBeGreaterThanOrEqual(Math.min(was.minimumBytes, was.lengthBytes));
        if (was.isFixed) expect(startBytes, told).toBe(was.startBytes);
        if (!was.canGrow) expect(lengthBytes, told).toBeLessThanOrEqual(was.lengthBytes);
        if (!was.canShrink) expect(lengthBytes, told).toBeGreaterThanOrEqual(was.lengthBytes);
        if (choices.get(was.ref) === 'keep') expect(lengthBytes, told).toBe(was.lengthBytes);
        end = startBytes + lengthBytes;
      }
      expect(end).toBeLessThanOrEqual(endBytes);
      if (endBytes <= oldEndBytes && end === at && choices.size === 0) {
        expect(fit.places).toEqual(volumes.map(({ startBytes, lengthBytes }) => ({ startBytes, lengthBytes })));
      }
    }
    expect(possible).toBeGreaterThan(1000);
  });
});
