/** What every reader of images owes to bytes that lie: a result or an error that says so, soon. */
import { expect } from 'vitest';
import { EngineError } from '../../../src-engine/core/engine-error.ts';
import { processorTimer } from '../../support/processor-time.ts';

const TIME_LIMIT_MS = 5000;
const ALLOWED = ['FORMAT_INVALID', 'FORMAT_UNSUPPORTED', 'FILE_TRUNCATED', 'ARCHIVE_UNSAFE'];

/** @returns 'read', or the code of the error */
export async function outcomeOf(work: () => Promise<unknown> | unknown): Promise<string> {
  const usedMs = processorTimer();
  try {
    await work();
    return 'read';
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    expect(ALLOWED, error.message).toContain(error.code);
    if (error.code === 'FILE_TRUNCATED') expect(Number(error.data.missingBytes)).toBeGreaterThan(0);
    return error.code;
  } finally {
    expect(usedMs(), 'milliseconds').toBeLessThan(TIME_LIMIT_MS);
  }
}

/** Lies are noticed, and not everything is taken for one. */
export async function expectNoticed(count: number, lie: (seed: number) => Promise<string>): Promise<void> {
  const outcomes = new Map<string, number>();
  for (let seed = 0; seed < count; seed++) {
    const outcome = await lie(seed);
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  expect(outcomes.get('FORMAT_INVALID') ?? 0).toBeGreaterThan(0);
  expect(outcomes.get('read') ?? 0).toBeGreaterThan(0);
}
