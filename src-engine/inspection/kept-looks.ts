/**
 * What was seen of a place, for as long as a plan lives: who changes a rule, an override or a name of a plan has it judged again, and
 * nothing is walked again. A run looks again, whatever was kept.
 */
import { createHash } from 'node:crypto';

const MAX_LOOKS = 8;

export interface Look<T> {
  /** plain data: what was read is closed by now */
  readonly seen: T;
  /** whether the place is what it was when the look began */
  isCurrent(): Promise<boolean>;
}

export class KeptLooks<T> {
  readonly #lifetimeMs: number;
  /** by the hash of what was asked: passwords are not kept; the latest last */
  readonly #kept = new Map<string, Look<T> & { readonly untilMs: number }>();

  constructor(lifetimeMs: number) {
    this.#lifetimeMs = lifetimeMs;
  }

  /**
   * @param asked all that decides what a look sees, beside the state of the place: plain data
   * @param look is asked where nothing is kept, or the place has changed
   * @throws what `look` throws: nothing is kept then
   */
  async of(asked: unknown, look: () => Promise<Look<T>>, nowMs = Date.now()): Promise<T> {
    for (const [key, { untilMs }] of this.#kept) if (untilMs < nowMs) this.#kept.delete(key);
    const own = createHash('sha256').update(JSON.stringify(asked)).digest('base64');
    const kept = this.#kept.get(own);
    if (kept && (await kept.isCurrent().catch(() => false))) return kept.seen;
    this.#kept.delete(own);
    const fresh = await look();
    if (this.#kept.size >= MAX_LOOKS) this.#kept.delete(this.#kept.keys().next().value!);
    this.#kept.set(own, { ...fresh, untilMs: nowMs + this.#lifetimeMs });
    return fresh.seen;
  }
}
