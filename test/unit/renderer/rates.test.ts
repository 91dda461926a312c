/** The rate of a job over its time: enough points for a picture, however long it takes. */
import { describe, expect, it } from 'vitest';
import { isLong } from '../../../src-renderer/app/end-of-job.ts';
import { NO_RATES, withRate } from '../../../src-renderer/modules/jobs/rates.ts';

const fill = (seconds: number, rate = (_second: number) => 100e6) => {
  let rates = NO_RATES;
  // events come ten times a second
  for (let i = 0; i < seconds * 10; i++) rates = withRate(rates, { at: i * 100, bytesPerSecond: rate(i / 10) });
  return rates.points;
};

describe('withRate', () => {
  it('has a point for each second', () => {
    expect(fill(5).map(({ at }) => at)).toEqual([0, 1000, 2000, 3000, 4000]);
  });

  it('keeps the whole job in sight, in the order of time, with its slow stretch', () => {
    const points = fill(3600, (second) => (second > 1000 && second < 1600 ? 10e6 : 100e6));
    expect(points.length).toBeLessThanOrEqual(240);
    expect(points.length).toBeGreaterThan(100);
    expect(points.map(({ at }) => at)).toEqual(points.map(({ at }) => at).toSorted((a, b) => a - b));
    const at = (second: number) => points.findLast((one) => one.at <= second * 1000)?.bytesPerSecond;
    expect(at(1300)).toBe(10e6);
    expect(at(3000)).toBe(100e6);
  });
});

describe('isLong', () => {
  const at = (second: number) => new Date(second * 1000).toISOString();
  it('is a job of half a minute and more, from when it began to run', () => {
    expect(isLong({ startedAt: at(0), endedAt: at(30) })).toBe(true);
    expect(isLong({ startedAt: at(1), endedAt: at(30) })).toBe(false);
    expect(isLong({ startedAt: null, endedAt: at(30) })).toBe(false);
  });
});
