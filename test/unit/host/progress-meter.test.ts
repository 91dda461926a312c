import { expect, test } from 'vitest';
import { ProgressSchema } from '../../../src-engine/contract/job.contract.ts';
import { ProgressMeter } from '../../../src-engine/host/progress-meter.ts';
import { randomBelow } from '../../support/temporary.ts';

const MB = 1_000_000;

test('a steady pace gives its rate and the time left', () => {
  const meter = new ProgressMeter('writing', 100 * MB, 1000);
  for (let t = 1100; t <= 6000; t += 100) {
    meter.advance(MB);
    meter.read(t);
  }
  const progress = meter.read(6000);
  expect(progress).toMatchObject({ phase: 'writing', doneBytes: 50 * MB, totalBytes: 100 * MB, slowest: null });
  expect(progress.bytesPerSecond).toBeCloseTo(10 * MB, -4);
  expect(progress.etaMs).toBeCloseTo(5000, -2);
});

test('no time left is told at the beginning, nor where the total is not known, nor where nothing moves', () => {
  const early = new ProgressMeter('writing', 100, 0);
  early.advance(50);
  expect(early.read(1000).etaMs).toBeNull();
  expect(early.read(2000).etaMs).not.toBeNull();
  const unknown = new ProgressMeter('scanning', 0, 0);
  unknown.advance(50);
  expect(unknown.read(5000)).toMatchObject({ doneBytes: 50, totalBytes: 0, etaMs: null });
  const still = new ProgressMeter('writing', 100, 0);
  expect(still.read(60_000)).toMatchObject({ bytesPerSecond: 0, etaMs: null });
});

test('the rate follows a change within seconds', () => {
  const meter = new ProgressMeter('writing', 10_000 * MB, 0);
  let now = 0;
  for (; now < 30_000; now += 100, meter.read(now)) meter.advance(10 * MB);
  expect(meter.read(now).bytesPerSecond).toBeCloseTo(100 * MB, -6);
  for (; now < 40_000; now += 100, meter.read(now)) meter.advance(MB);
  expect(meter.read(now).bytesPerSecond).toBeLessThan(12 * MB);
});

test('it never goes back, never past the end, and is always what the contract says', () => {
  for (let seed = 1; seed <= 50; seed++) {
    const below = randomBelow(seed);
    const total = below(3) === 0 ? 0 : 1 + below(1000);
    const meter = new ProgressMeter('capturing', total, 0);
    let now = 0;
    let done = 0;
    for (let i = 0; i < 100; i++) {
      now += below(500);
      for (let n = below(4); n > 0; n--) meter.advance(below(50));
      if (below(5) === 0) meter.slowest('catalog');
      const progress = ProgressSchema.parse(meter.read(now));
      expect(progress.doneBytes).toBeGreaterThanOrEqual(done);
      if (total > 0) expect(progress.doneBytes).toBeLessThanOrEqual(total);
      if (progress.etaMs !== null) expect(Number.isFinite(progress.etaMs)).toBe(true);
      done = progress.doneBytes;
    }
  }
});

test('it says what is waited for, once a phase is slow and has been for seconds', () => {
  const at = (bytesPerSecond: number, seconds: number) => {
    const meter = new ProgressMeter('capturing', 1e12, 0);
    meter.slowest('source');
    for (let t = 100; t <= seconds * 1000; t += 100, meter.read(t)) meter.advance(bytesPerSecond / 10);
    return meter.read(seconds * 1000).slowest;
  };
  expect([at(10e6, 6), at(10e6, 3), at(500e6, 6)]).toEqual(['source', null, null]);
  const meter = new ProgressMeter('capturing', 1, 0);
  expect(meter.read(9000).slowest).toBeNull();
});
