/** Plans wait here for their confirmation, for ten minutes, and are used once. */
import { EngineError } from '../core/engine-error.ts';

export const PLAN_LIFETIME_MS = 10 * 60 * 1000;
const MAX_PLANS = 100;

export class Plans<P extends { planId: string; expiresAt: string }, R> {
  readonly #plans = new Map<string, { plan: P; request: R }>();

  expiry(now = Date.now()): string {
    return new Date(now + PLAN_LIFETIME_MS).toISOString();
  }

  keep(plan: P, request: R): P {
    if (this.#plans.size >= MAX_PLANS) this.#plans.delete(this.#plans.keys().next().value!);
    this.#plans.set(plan.planId, { plan, request });
    return plan;
  }

  /** @throws EngineError `PLAN_UNKNOWN`, `PLAN_EXPIRED` */
  find(planId: string): { plan: P; request: R } {
    const kept = this.#plans.get(planId);
    if (!kept) throw new EngineError('PLAN_UNKNOWN', { planId });
    if (Date.parse(kept.plan.expiresAt) < Date.now()) {
      this.#plans.delete(planId);
      throw new EngineError('PLAN_EXPIRED', { planId, expiresAt: kept.plan.expiresAt });
    }
    return kept;
  }

  use(planId: string): void {
    this.#plans.delete(planId);
  }
}
