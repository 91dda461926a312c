import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { z } from 'zod';
import type { EngineError } from '../../../src-engine/core/engine-error.ts';
import { PLAN_LIFETIME_MS, Plans } from '../../../src-engine/host/plans.ts';

const codeOf = (work: () => unknown) => {
  try {
    work();
    return 'found';
  } catch (error) {
    return (error as EngineError).code;
  }
};

beforeEach(() => void vi.useFakeTimers({ now: Date.UTC(2026, 5, 1) }));
afterEach(() => void vi.useRealTimers());

const plans = () => new Plans(z.object({ planId: z.string(), expiresAt: z.string(), request: z.string() }));

test('a plan waits for ten minutes, and not longer', () => {
  const kept = plans();
  kept.keep({ planId: 'a', expiresAt: kept.expiry(), request: 'request' });
  expect(kept.find('a')).toMatchObject({ planId: 'a', request: 'request' });
  vi.advanceTimersByTime(PLAN_LIFETIME_MS);
  expect(codeOf(() => kept.find('a'))).toBe('found');
  vi.advanceTimersByTime(1);
  expect(codeOf(() => kept.find('a'))).toBe('PLAN_EXPIRED');
  expect(codeOf(() => kept.find('a'))).toBe('PLAN_UNKNOWN');
  expect(PLAN_LIFETIME_MS).toBe(600_000);
});

test('a plan ends in time though the clock was set back, and after a night in which no time was counted', () => {
  const kept = plans();
  for (const planId of ['a', 'b']) kept.keep({ planId, expiresAt: kept.expiry(), request: '' });
  vi.setSystemTime(Date.UTC(2020, 0, 1));
  expect(codeOf(() => kept.find('a'))).toBe('found');
  vi.advanceTimersByTime(PLAN_LIFETIME_MS + 1);
  expect(codeOf(() => kept.find('a'))).toBe('PLAN_EXPIRED');
  kept.keep({ planId: 'c', expiresAt: kept.expiry(), request: '' });
  vi.setSystemTime(Date.now() + PLAN_LIFETIME_MS + 1);
  expect(codeOf(() => kept.find('c'))).toBe('PLAN_EXPIRED');
});

test('a plan is used once', () => {
  const kept = plans();
  kept.keep({ planId: 'a', expiresAt: kept.expiry(), request: '' });
  kept.use('a');
  expect(codeOf(() => kept.find('a'))).toBe('PLAN_UNKNOWN');
  expect(codeOf(() => kept.find('never'))).toBe('PLAN_UNKNOWN');
});

test('of more than a hundred plans the oldest are dropped', () => {
  const kept = plans();
  for (let i = 0; i < 101; i++) kept.keep({ planId: `${i}`, expiresAt: kept.expiry(), request: '' });
  expect(codeOf(() => kept.find('0'))).toBe('PLAN_UNKNOWN');
  expect(codeOf(() => kept.find('1'))).toBe('found');
  expect(codeOf(() => kept.find('100'))).toBe('found');
});
