/** Plans wait here for their confirmation, for ten minutes, and are used once: as text, so that what is carried out is the record alone. */
import type { z } from 'zod';
import { EngineError } from '../core/engine-error.ts';

export const PLAN_LIFETIME_MS = 10 * 60 * 1000;
const MAX_PLANS = 100;

export class Plans<R extends { planId: string; expiresAt: string }> {
  readonly #schema: z.ZodType<R>;
  readonly #records = new Map<string, { readonly text: string; readonly keptAtMs: number }>();

  constructor(schema: z.ZodType<R>) {
    this.#schema = schema;
  }

  expiry(now = Date.now()): string {
    return new Date(now + PLAN_LIFETIME_MS).toISOString();
  }

  keep(record: R): void {
    if (this.#records.size >= MAX_PLANS) this.#records.delete(this.#records.keys().next().value!);
    this.#records.set(record.planId, { text: JSON.stringify(record), keptAtMs: performance.now() });
  }

  /** @throws EngineError `PLAN_UNKNOWN`, `PLAN_EXPIRED` */
  find(planId: string): R {
    const kept = this.#records.get(planId);
    if (kept === undefined) throw new EngineError('PLAN_UNKNOWN', { planId });
    const record = this.#schema.parse(JSON.parse(kept.text));
    // the clock may be set back, and the time that counts stands still while the machine sleeps: each of both ends a plan
    const hasPassed = performance.now() - kept.keptAtMs > PLAN_LIFETIME_MS;
    if (hasPassed || Date.parse(record.expiresAt) < Date.now()) {
      this.#records.delete(planId);
      throw new EngineError('PLAN_EXPIRED', { planId, expiresAt: record.expiresAt });
    }
    return record;
  }

  use(planId: string): void {
    this.#records.delete(planId);
  }
}
